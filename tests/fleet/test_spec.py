"""Names, sockets and command lines of proxies."""

from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from gatewright.fleet import spec as specs
from gatewright.fleet.spec import ProxySpec, StateLayout

STATE = StateLayout(Path("/state"), Path("/" + "s" * 71))


def command(spec: ProxySpec, base_id: int = 1, epoch: int = 0) -> tuple[str, ...]:
    files = STATE.proxy(spec.name)
    return specs.command(Path("/bin/envoy"), spec, files, files.bootstrap(b"{}"), base_id, epoch)


@given(st.text(min_size=1, max_size=600))
@example(".")
@example("../..")
def test_any_name_fits_file_systems_and_sockets(name: str) -> None:
    """However long or strange a proxy key, its directory has a legal name and its sockets fit sockaddr_un."""
    files = STATE.proxy(name)

    assert len(files.directory.name) <= 57
    assert "/" not in files.directory.name
    assert not files.directory.name.startswith(".")
    assert len(bytes(files.admin_socket)) <= 107
    assert len(f"{files.hot_restart_socket}_udp_parent_{specs.HIGHEST_BASE_ID * 10 + 9}") <= 107


def test_long_names_with_one_beginning_are_told_apart() -> None:
    """Cutting a name short must not make two proxies one."""
    assert specs.slug("default/" + "a" * 63 + "1") != specs.slug("default/" + "a" * 63 + "2")
    assert specs.slug("a/b") != specs.slug("a-b")


def test_a_command_line_tells_all_that_adoption_needs() -> None:
    """Proxy, base id, epoch and drain time are read back from the arguments."""
    arguments = command(ProxySpec(name="default/eg", drain_seconds=7), base_id=42, epoch=3)

    assert "default/eg" == specs.option(arguments, "--service-cluster")
    assert (42, 3, 7) == (specs.base_id_of(arguments), specs.epoch_of(arguments), specs.drain_seconds_of(arguments))


def test_what_can_change_in_a_running_envoy_is_not_fixed() -> None:
    """Log levels, base id and epoch do not make another process necessary; everything else does."""
    before = ProxySpec(name="default/eg")
    same = (
        command(ProxySpec(name="default/eg", log_level="debug", component_log_levels={"upstream": "trace"})),
        command(before, base_id=9, epoch=8),
    )
    others = (
        command(ProxySpec(name="default/eg", concurrency=2)),
        command(ProxySpec(name="default/eg", drain_seconds=5)),
        command(ProxySpec(name="default/eg", extra_arguments=("--enable-core-dump",))),
    )

    assert {specs.fixed(command(before))} == {specs.fixed(arguments) for arguments in same}
    assert specs.fixed(command(before)) not in {specs.fixed(arguments) for arguments in others}


def test_a_missing_control_plane_does_not_fill_the_log() -> None:
    """Envoy warns of every attempt to reconnect; at the default level these stay out, unless asked for."""
    assert "config:error,misc:error" == specs.component_log_levels(ProxySpec(name="a"))
    assert "misc:error" == specs.component_log_levels(ProxySpec(name="a", log_level="info"))
    assert "config:warn" == specs.component_log_levels(ProxySpec(name="a", component_log_levels={"config": "warn"}))
