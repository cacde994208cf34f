"""`gatewright install`: prints what makes up an installation in a cluster, for `kubectl apply -f -`."""

from collections.abc import Iterable
from typing import Final, get_args

import rich_click as click

from gatewright.cli.manifests import IMAGE, NAMESPACE, Document, Installation, Mode, manifests
from gatewright.settings import CONTROLLER_NAME

EXAMPLES: Final = """\
[bold]Examples[/]

  gatewright install | kubectl apply --server-side -f -      [dim]install, or upgrade[/]

  gatewright install --gateway-class eg | kubectl apply --server-side -f -

  gatewright install --mode GatewayNamespace --watch-namespace shop --watch-namespace blog

  gatewright install --no-crds | kubectl delete -f -         [dim]uninstall, and keep all objects of users[/]

The CRDs of the Gateway API itself are not among them: they belong to the cluster. In ControllerNamespace mode all proxies run in
the namespace of the control plane; in GatewayNamespace mode each runs beside its Gateway.
"""


@click.command(epilog=EXAMPLES)
@click.option("-n", "--namespace", default=NAMESPACE, show_default=True, help="Namespace of the control plane.")
@click.option("--image", default=IMAGE, show_default=True, help="Image of the control plane and of the shutdown manager.")
@click.option("--replicas", type=click.IntRange(1), default=2, show_default=True, help="Replicas of the control plane.")
@click.option(
    "--mode", type=click.Choice(get_args(Mode)), default="ControllerNamespace", show_default=True, help="Where proxies run."
)
@click.option("--watch-namespace", "watched_namespaces", multiple=True, help="Watch only this namespace (may be repeated).")
@click.option("--gateway-class", help="Also make a GatewayClass of this name.")
@click.option(
    "--controller-name", default=CONTROLLER_NAME, show_default=True, help="controllerName of the GatewayClasses that are ours."
)
@click.option("--cluster-domain", default="cluster.local", show_default=True, help="DNS domain of the cluster.")
@click.option("--envoy-image", help="Image of Envoy, unless an EnvoyProxy says otherwise (default: that of this release).")
@click.option("--crds/--no-crds", default=True, show_default=True, help="The CRDs of the extension kinds.")
def install(**chosen: object) -> None:
    """Print the manifests of an installation in a cluster."""
    from msgspec import convert

    click.echo(text_of(manifests(convert(chosen, Installation))), nl=False)


def text_of(documents: Iterable[Document]) -> str:
    """Documents as YAML for people: texts of several lines stand as they are."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes a value that occurs twice twice."""

        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002 - PyYAML's hook
            return True

    def text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
        return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)

    Dumper.add_representer(str, text)
    written: str = yaml.dump_all(documents, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=4096)
    return written
