"""`python -m gatewright` is the `gatewright` command, for places where the environment's scripts are not on the PATH."""

from gatewright.cli import main

if __name__ == "__main__":
    main()
