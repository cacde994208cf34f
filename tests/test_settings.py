"""Where a server keeps its state and its sockets."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from gatewright.settings import ADMIN_SOCKET, SOCKET_DIR_BYTES, ListenAddress, socket_dir, state_dir, state_root

ROOT = Path("/home/me/.local/state/gatewright")


def test_the_state_root_follows_xdg() -> None:
    """XDG_STATE_HOME, else ~/.local/state."""
    assert ROOT == state_root({"HOME": "/home/me"})
    assert Path("/var/s/gatewright") == state_root({"HOME": "/home/me", "XDG_STATE_HOME": "/var/s"})


def test_the_same_command_has_the_same_state_dir_and_another_one_another() -> None:
    """Order does not matter; other paths, and another configuration file, do."""
    one = state_dir(ROOT, [Path("/a"), Path("/b")], None)
    assert one == state_dir(ROOT, [Path("/b"), Path("/a")], None)
    others = {state_dir(ROOT, [Path("/a")], None), state_dir(ROOT, [Path("/a"), Path("/b")], Path("/c.yaml"))}
    assert (2, False) == (len(others), one in others)
    assert ROOT == one.parent


def test_sockets_stay_in_the_state_dir_when_its_path_is_short() -> None:
    """The usual home folder is short enough."""
    state = state_dir(ROOT, [Path("/a")], None)
    assert state == socket_dir(state, {"XDG_RUNTIME_DIR": "/run/user/1000"}, 1000)


def test_a_long_state_dir_has_its_sockets_in_the_runtime_dir_else_in_tmp() -> None:
    """Both are named after the state dir, so that `status --state-dir` and a restart find them."""
    state = Path("/" + "long/" * 30)
    runtime = socket_dir(state, {"XDG_RUNTIME_DIR": "/run/user/1000"}, 1000)
    assert (Path("/run/user/1000/gatewright"), Path("/tmp/gatewright-1000")) == (
        runtime.parent,
        socket_dir(state, {}, 1000).parent,
    )
    assert runtime.name == socket_dir(state, {}, 1000).name


@given(st.text("/abcé", min_size=1, max_size=200), st.text("/abcé", max_size=200), st.integers(0, 2**32))
def test_a_socket_always_fits(state: str, runtime: str, uid: int) -> None:
    """Whatever the folders are called, 34 bytes are left for a socket's name."""
    folder = socket_dir(Path("/", state), {"XDG_RUNTIME_DIR": runtime}, uid)
    assert len(str(folder).encode()) <= SOCKET_DIR_BYTES
    assert len(str(folder / ADMIN_SOCKET).encode()) < 108


def test_an_address_is_written_as_people_type_it() -> None:
    """IPv6 addresses stand in brackets."""
    assert ["127.0.0.1:80", "[::1]:80"] == [str(ListenAddress("127.0.0.1", 80)), str(ListenAddress("::1", 80))]
