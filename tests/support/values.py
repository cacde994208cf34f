"""Values by OpenAPI schema: those that fit it, those at its edges, and odd ones. The same seed gives the same values."""

import re
from collections.abc import Iterator, Mapping
from random import Random
from typing import Any, Final

from gatewright.api.scalars import python_pattern

Document = dict[str, Any]
Schema = Mapping[str, Any]

DEEPEST: Final = 6
ODD: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, 1, -1, 80.0, 0.5, 2**31, 2**40),
    *("", "a", "80", "true"),
    *([], {}, [None], [{}], {"a": 1}),
)
NUMBERS: Final = (
    *(0, 1, 2, 53, 80, 99, 100, 101, 301, 302, 303, 308, 400, 443, 500, 503, 599, 600),
    *(8080, 65535, 65536, 1_000_000, 1_000_001),
)
_WORDS: Final = """
    a b web a-b a.b example.com a.example.com *.example.com * *.com A a_b -a a- .a a. x-user X-User :path
    10.0.0.1 1.2.3 256.0.0.1 ::1 fe80::1%eth0 ::ffff:10.0.0.1 010.0.0.1 10.0.0.1/8
    0s 0ms 1ms 999ms 1s 10s 1m 1h 1h0m1s 60m 61m 1d 1.5s 99999h 100000s 1s1s1s1s 1s1s1s1s1s
    / /a /a/ a/b // /a//b /./ /a/.. /a/. /%2f /%2F /a#b /a?b /%zz /%41 /é
    https://example.com http://a:80 https://* https://*.example.com:8443 null spiffe://a/b urn:a a://b?c#d
    example.com/a example.com/ gateway.networking.k8s.io gateway.envoyproxy.io a.svc.cluster.local
    Service Gateway Secret ConfigMap ListenerSet HTTPRoute IPAddress Hostname NamedAddress System
    HTTP HTTPS TLS TCP UDP GRPC http Terminate Passthrough All Same Selector None In Exists
    foo.Bar foo/Bar .foo foo.bar.Baz Get get2 2get ^a$ ( é 日本
"""
TEXTS: Final = (*_WORDS.split(), "x y", "/a b", "/a\n", "tab\there", "end\n", "\0")
_NEAR: Final = ("\n", " ", ".", "-", "/", "*", "A", "é", "_", ":", "%")


class Values:
    """Makes values, one after the other."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def odd(self) -> Any:  # noqa: ANN401 - JSON
        """A value that most schemas do not want."""
        return self._random.choice((*ODD, *TEXTS[:8]))

    def fitting(self, schema: Schema | None, depth: int = 0) -> Any:  # noqa: ANN401 - JSON
        """A value of which each part by itself most likely fits the schema; rules that join parts are left to chance."""
        if not schema:
            return self._random.choice(TEXTS)
        if "enum" in schema:
            return self._random.choice(schema["enum"])
        if schema.get("x-kubernetes-int-or-string"):
            return self._random.choice((80, "http", "10%"))
        match schema.get("type"):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._list(schema, depth)
            case "integer" | "number":
                return self._number(schema)
            case "boolean":
                return self._often(0.5)
            case "string":
                return self._text(schema)
        return self._random.choice(ODD)

    def near(self, value: str, schema: Schema) -> str:
        """A text that differs a little from `value`, or is as long as the schema allows, or longer."""
        return self._random.choice(list(self._near(value, schema)))

    def around(self, value: int, schema: Schema) -> Any:  # noqa: ANN401 - a number, or what looks like one
        """A number near `value` or a bound of the schema."""
        bounds = [schema[name] for name in ("minimum", "maximum") if name in schema]
        steps = [each + step for each in (*bounds, value) for step in (-1, 0, 1)]
        return self._random.choice([*steps, float(value), str(value)])

    def _near(self, value: str, schema: Schema) -> Iterator[str]:
        middle = self._random.randrange(len(value) + 1)
        near = self._random.choice(_NEAR)
        yield from (value + near, near + value, value[:middle] + near + value[middle:])
        yield from (value.upper(), value.lower(), value[:-1], "")
        if most := schema.get("maxLength"):
            stem = value if value and value[-1].isalnum() else "a"
            yield from ((stem * most)[:most], (stem * most + stem)[: most + 1], "a" * most, "a" * (most + 1), "é" * most)
            yield ".".join(["a" * 63] * 5)[:most]
        yield from (str(each).swapcase() for each in schema.get("enum", ()))

    def _often(self, chance: float) -> bool:
        return self._random.random() < chance

    def _list(self, schema: Schema, depth: int) -> list[Any]:
        count = min(max(schema.get("minItems", 0), self._random.choice((0, 1, 1, 1, 2, 2, 3))), 8)
        return [self.fitting(schema["items"], depth + 1) for _ in range(0 if depth > DEEPEST else count)]

    def _object(self, schema: Schema, depth: int) -> Document:
        properties, required = schema.get("properties", {}), set(schema.get("required", ()))
        chance = self._random.choice((0.0, 0.3, 0.6)) if depth < DEEPEST else 0.0
        made = {
            name: self.fitting(each, depth + 1) for name, each in properties.items() if name in required or self._often(chance)
        }
        if isinstance(values := schema.get("additionalProperties"), dict):
            made |= {self._random.choice(TEXTS): self.fitting(values, depth + 1) for _ in range(self._random.randrange(3))}
        if "type" in made and "enum" in properties["type"]:
            self._keep_union(made, properties, depth)
        return made

    def _keep_union(self, made: Document, properties: Mapping[str, Schema], depth: int) -> None:
        """Most unions are like this: the value of `type` is the name of the field that is set."""
        members = {name.lower(): name for name in properties}
        for value in properties["type"]["enum"]:
            name = members.get(str(value).lower())
            if name is None or (value == made["type"]) == (name in made) or not self._often(0.9):
                continue
            if value == made["type"]:
                made[name] = self.fitting(properties[name], depth + 1)
            else:
                del made[name]

    def _number(self, schema: Schema) -> int:
        fitting = [each for each in NUMBERS if schema.get("minimum", each) <= each <= schema.get("maximum", each)]
        return self._random.choice(fitting or NUMBERS)

    def _text(self, schema: Schema) -> str:
        pattern = re.compile(python_pattern(schema.get("pattern", "")))
        most, least = schema.get("maxLength", 1 << 20), schema.get("minLength", 0)
        fitting = [each for each in TEXTS if least <= len(each) <= most and pattern.search(each)]
        return self._random.choice(fitting or TEXTS)
