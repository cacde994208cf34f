"""What the log says of input that is wrong."""

from tests.e2e.edge import Edge
from tests.support.objects import route, to

GOOD = route("bad", to("one"))


def test_a_bad_document_is_logged(edge: Edge) -> None:
    """The log, too, says once which file, which line, which object and field, and when the file is well again."""
    server = edge.server
    path = server.put("logged", GOOD.replace("port: 80", "port: eighty"))
    server.sync()
    server.apply("other", route("other", to("one")))
    (problem,) = server.problems()
    logged = [each for each in server.logged() if each.get("file") == str(path)]
    assert [("warning", problem["line"])] == [(each["level"], each.get("line")) for each in logged]
    assert all(words in str(logged[0]) for words in ("HTTPRoute", "default/bad", problem["path"], "not an integer"))
    server.apply("logged", GOOD)
    assert ["warning", "info"] == [each["level"] for each in server.logged() if each.get("file") == str(path)]
