"""Who gets in, and with what."""

import re
from dataclasses import replace

import pytest
from flask import Flask

from console.gate import PUBLIC, RANK, role_of
from fulfillment.company import OperatorRole
from tests.console.conftest import Person, sign_in
from tests.console.sample import PASSWORD, Day
from tests.fakes import FakeStore

SAMPLE_VALUES = {"wait_id": 1, "recording_id": "a" * 32, "picture_id": "0" * 32, "conversation_id": "0" * 32, "ticket_id": 1, "part": "queue", "action": "note", "what": "ticket", "subject": "1", "announcement_id": 1, "incident_id": 1, "month": "2026-11", "choice_id": 1, "mode": "listen", "form": "csv", "operator_id": 1, "key": "0" * 16, "edition_id": 1, "absence_id": 1, "_path": "nowhere"}  # fmt: skip
#: Routes that know only some values.
SPECIAL = {
    "console.ticket_part": {"part": "facts"},
    "console.end_or_resume": {"action": "end"},
    "console.shipped_edition": {"part": "ladder"},
    "console.restore_edition": {"action": "restore"},
}


def console_routes(app: Flask) -> list[tuple[str, str, str]]:
    """(endpoint, method, path) of every guarded route."""
    found = []
    adapter = app.url_map.bind("localhost")
    for rule in app.url_map.iter_rules():
        if not rule.endpoint.startswith("console.") or rule.endpoint in PUBLIC:
            continue
        values = {name: SAMPLE_VALUES[name] for name in rule.arguments}
        values |= SPECIAL.get(rule.endpoint, {})
        methods = sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        found += [(rule.endpoint, method, adapter.build(rule.endpoint, values, method=method)) for method in methods]
    return found


def test_every_route_demands_a_login(app: Flask) -> None:
    routes = console_routes(app)
    assert len(routes) > 20
    for _, method, path in routes:
        answer = app.test_client().open(path, method=method)
        refused = answer.status_code == 401 or (answer.status_code == 302 and "/console/login" in answer.location)
        assert refused, f"{method} {path}: {answer.status_code}"


def test_only_login_and_files_are_public() -> None:
    assert {"console.login", "console.static"} == PUBLIC


@pytest.mark.parametrize("login", ["xiaoli", "zhuguan", "admin"])
def test_every_route_demands_its_role(app: Flask, login: str) -> None:
    person = sign_in(app, login)
    token = person.token()
    mine = {"xiaoli": OperatorRole.OPERATOR, "zhuguan": OperatorRole.SUPERVISOR, "admin": OperatorRole.ADMINISTRATOR}
    for endpoint, method, path in console_routes(app):
        if endpoint == "console.logout":
            continue
        needed = role_of(app.view_functions[endpoint])
        assert needed is not None, f"{endpoint} names no role"
        answer = person.client.open(path, method=method, headers={"X-CSRFToken": token})
        allowed = RANK[mine[login]] >= RANK[needed]
        assert (answer.status_code != 403) == allowed, f"{login} {method} {path}: {answer.status_code}"


def test_a_route_that_names_no_role_is_refused(app: Flask) -> None:
    app.add_url_rule("/console/forgotten", "console.forgotten", lambda: "secret")
    answer = sign_in(app, "admin").get("/forgotten")
    assert answer.status_code == 403
    assert "secret" not in answer.text


def test_wrong_password_and_unknown_login_are_told_alike(app: Flask, store: FakeStore) -> None:
    with store.write() as tx:
        tx.upsert_operator(replace(tx.operator(2), active=False))
        tx.upsert_operator(replace(tx.operator(3), password_hash=""))  # imported, no password yet
    pages = []
    for login, password in (("xiaoli", "wrong"), ("nobody", "wrong"), ("zhuguan", PASSWORD), ("admin", "")):
        client = app.test_client()
        token = re.search(r'csrf_token" value="([^"]+)"', client.get("/console/login").text)
        assert token
        answer = client.post("/console/login", data={"login": login, "password": password, "csrf_token": token[1]})
        assert answer.status_code == 401
        pages.append(re.findall(r'<p class="notice bad" role="status">([^<]+)', answer.text))
    assert pages == [["登录名或密码不正确"]] * 4


def test_guessing_is_slowed_down(app: Flask) -> None:
    client = app.test_client()
    token = re.search(r'csrf_token" value="([^"]+)"', client.get("/console/login").text)
    assert token
    form = {"login": "xiaoli", "password": "guess", "csrf_token": token[1]}
    codes = [client.post("/console/login", data=form).status_code for _ in range(11)]
    assert codes == [401] * 10 + [429]


@pytest.mark.parametrize(
    "wished", ["https://evil.example/", "//evil.example/console/", "/console/\\evil", "javascript:alert(1)", "/chat"]
)
def test_login_leads_only_into_the_console(app: Flask, wished: str) -> None:
    client = app.test_client()
    token = re.search(r'csrf_token" value="([^"]+)"', client.get("/console/login").text)
    assert token
    answer = client.post(
        "/console/login",
        query_string={"next": wished},
        data={"login": "xiaoli", "password": PASSWORD, "csrf_token": token[1]},
    )
    assert answer.location == "/console/"


def test_login_leads_to_the_page_that_was_asked_for(app: Flask) -> None:
    client = app.test_client()
    asked = client.get("/console/tickets/1")
    token = re.search(r'csrf_token" value="([^"]+)"', client.get(asked.headers["Location"]).text)
    assert token
    form = {"login": "xiaoli", "password": PASSWORD, "csrf_token": token[1]}
    assert client.post(asked.headers["Location"], data=form).location == "/console/tickets/1"


def test_without_a_token_nothing_happens(app: Flask, xiaoli: Person, store: FakeStore, day: Day) -> None:
    for path in (f"/conversations/{day.waiting}/take-over", f"/tickets/{day.leak}/acknowledge", "/logout"):
        answer = xiaoli.client.post(f"/console{path}")
        assert answer.status_code == 400, path
        assert "页面已过期" in answer.text
    assert app.test_client().post("/console/login", data={"login": "xiaoli"}).status_code == 400
    with store.read() as tx:
        assert tx.conversation(day.waiting).operator_id is None
        assert tx.ticket(day.leak).acknowledged_by == ""


def test_logout_ends_the_session(xiaoli: Person) -> None:
    assert xiaoli.get("/").status_code == 200
    assert xiaoli.post("/logout").status_code == 303
    assert xiaoli.get("/").status_code == 302


@pytest.mark.parametrize("change", [{"password_hash": "another"}, {"active": False}])
def test_a_new_password_or_a_closed_account_ends_open_sessions(
    xiaoli: Person, store: FakeStore, change: dict[str, object]
) -> None:
    with store.write() as tx:
        tx.upsert_operator(replace(tx.operator(1), **change))  # type: ignore[arg-type]
    assert xiaoli.get("/").status_code == 302


def test_headers_and_cookie(app: Flask) -> None:
    client = app.test_client()
    token = re.search(r'csrf_token" value="([^"]+)"', client.get("/console/login").text)
    assert token
    answer = client.post("/console/login", data={"login": "xiaoli", "password": PASSWORD, "csrf_token": token[1]})
    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("session="))
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    page = client.get("/console/")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert page.headers["X-Frame-Options"] == "DENY"
