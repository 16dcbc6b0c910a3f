"""A console over a FakeStore on the sample day, and people who sit in front of it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from tests.console.sample import PASSWORD, Day, build_app, sample_day
from tests.fakes import FakeStore, FixedClock


@dataclass
class Person:
    """A logged-in operator: `get` and `post` paths below /console; `post` brings the token of the session."""

    client: FlaskClient

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.client.get(f"/console{path}", **more)

    def token(self) -> str:
        found = re.search(r'name="csrf_token" value="([^"]+)"', self.get("/health").text)
        assert found
        return found[1]

    def post(self, path: str, *, live: bool = False, **form: Any) -> TestResponse:
        headers = {"HX-Request": "true"} if live else {}
        return self.client.post(f"/console{path}", data={"csrf_token": self.token(), **form}, headers=headers)

    def told(self, answer: TestResponse) -> str:
        """What the page says after a form was sent: follows the redirect."""
        assert answer.status_code == 303, answer.text[:300]
        page = self.client.get(answer.location).text
        return " ".join(re.findall(r'<p class="notice[^"]*" role="status">([^<]*)</p>', page))


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def clock() -> FixedClock:
    return FixedClock()


@pytest.fixture
def day(store: FakeStore, clock: FixedClock) -> Day:
    return sample_day(store, clock.now())


@pytest.fixture
def app(store: FakeStore, clock: FixedClock, day: Day) -> Flask:
    assert day
    return build_app(store, clock)


SignIn = Callable[..., Person]


def sign_in(app: Flask, login: str) -> Person:
    person = Person(app.test_client())
    token = re.search(r'name="csrf_token" value="([^"]+)"', person.get("/login").text)
    assert token
    answer = person.client.post("/console/login", data={"login": login, "password": PASSWORD, "csrf_token": token[1]})
    assert answer.status_code == 303, answer.text[:500]
    return person


@pytest.fixture
def xiaoli(app: Flask) -> Person:
    """An operator, id 1."""
    return sign_in(app, "xiaoli")


@pytest.fixture
def zhuguan(app: Flask) -> Person:
    """A supervisor, id 2; holds the conversation `day.held`."""
    return sign_in(app, "zhuguan")


@pytest.fixture
def admin(app: Flask) -> Person:
    return sign_in(app, "admin")
