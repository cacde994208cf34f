"""Why an Envoy did not start or ended, in words for people who never read Envoy's log.

What Envoy said comes along; a hint goes in front of it where its words, or the signal, mean something known.
"""

import errno
import platform
import re
import signal
from typing import Final

from gatewright.fleet.process import Ended

_OTHER_MACHINE: Final = f"the binary is not made for this machine ({platform.system()} {platform.machine()})"
_HINTS_BY_ERROR: Final = {
    errno.ENOENT: "there is no such file, or the system lacks the loader that the binary needs (such as glibc)",
    errno.EACCES: "it is not executable, or lies on a file system mounted noexec",
    errno.ENOEXEC: _OTHER_MACHINE,
}
_HINTS_BY_SIGNAL: Final = {
    signal.SIGILL: "this CPU lacks instructions that this build of Envoy uses",
    signal.SIGKILL: "by an operator, or by the system for want of memory",
    signal.SIGABRT: "Envoy met a fault of its own",
    signal.SIGSEGV: "Envoy met a fault of its own",
}
_HINTS_BY_WORDS: Final = (
    (re.compile(r"cannot bind '([^']+)'|Address already in use"), "a port of this proxy is in use by another process"),
    (re.compile(r"Permission denied"), "a file or port may not be used by this user"),
    (re.compile(r"unable to bind domain socket with base_id"), "another Envoy on this machine has the same base id"),
    (re.compile(r"PARSE ERROR|Couldn't find match for argument"), "an extra argument of this proxy is unknown to Envoy"),
)


def explain_start(error: OSError, path: str) -> str:
    """Why the binary at `path` could not be run."""
    hint = _HINTS_BY_ERROR.get(error.errno or 0)
    return f"Envoy cannot be started: {path}: {error.strerror}" + (f": {hint}" if hint else "")


def explain_end(ended: Ended, said: str) -> str:
    """How an Envoy ended, what that may mean, and its last words."""
    by_signal = _HINTS_BY_SIGNAL.get(signal.Signals(ended.signal)) if ended.signal is not None else None
    hint = by_signal or next((hint for pattern, hint in _HINTS_BY_WORDS if pattern.search(said)), None)
    return f"Envoy {ended}" + (f" ({hint})" if hint else "") + (f": {said}" if said else "")
