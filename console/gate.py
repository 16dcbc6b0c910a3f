"""Who may see what. Refuse by default: the blueprint demands a login, each route names the lowest role it is for."""

import hashlib
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import structlog
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from flask import Blueprint, Flask, abort, current_app, flash, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue
from flask_limiter import Limiter
from flask_login import LoginManager, UserMixin, current_user, login_user, logout_user
from flask_wtf.csrf import CSRFProtect
from werkzeug.wrappers import Response

from console.ports import Rooms
from fulfillment.company import Operator, OperatorRole
from kernel.errors import NotFound

log = structlog.get_logger()

RANK = {OperatorRole.OPERATOR: 1, OperatorRole.SUPERVISOR: 2, OperatorRole.ADMINISTRATOR: 3}
PUBLIC = frozenset({"console.login", "console.static"})
ATTEMPTS_PER_ADDRESS = "10 per minute"
ATTEMPTS_PER_LOGIN = "30 per hour"

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; media-src 'self'"
)

#: What Twilio's Voice SDK names as its needs, where browsers are telephones.
CSP_WITH_SOFTPHONE = (
    CSP.replace("connect-src 'self'", "connect-src 'self' https://eventgw.twilio.com wss://voice-js.roaming.twilio.com "
    "https://media.twiliocdn.com https://sdk.twilio.com")
    + " mediastream: https://media.twiliocdn.com https://sdk.twilio.com"
)  # fmt: skip
SOFTPHONE = "console_softphone"

_passwords = PasswordHasher()
#: Verified when the login is unknown, so that the answer takes as long as for a wrong password.
_NOBODY = _passwords.hash("nobody")


class Account(UserMixin):  # type: ignore[misc]  # flask-login ships no types
    """The operator behind a session. A changed password ends every session that was opened with the old one."""

    def __init__(self, operator: Operator) -> None:
        self.operator = operator

    def get_id(self) -> str:
        mark = hashlib.blake2b(self.operator.password_hash.encode(), digest_size=8).hexdigest()
        return f"{self.operator.id}.{mark}"

    def may(self, role: str) -> bool:
        """True if this account's role is `role` or above it."""
        return RANK[self.operator.role] >= RANK[OperatorRole(role)]


def me() -> Operator:
    """The operator of this request; only inside guarded routes."""
    account: Account = current_user._get_current_object()  # noqa: SLF001 - werkzeug's only way to the object itself
    return account.operator


def caller_address() -> str:
    return request.remote_addr or "unknown"


def set_up(app: Flask, rooms: Rooms) -> None:
    """Login manager and CSRF of the app; an app that has them already keeps its own CSRF."""
    app.extensions[SOFTPHONE] = rooms.audio.softphone_token is not None
    logins = LoginManager(app)

    def load(account_id: str) -> Account | None:
        number, _, _mark = account_id.partition(".")
        try:
            with rooms.store.read() as tx:
                account = Account(tx.operator(int(number)))
        except (NotFound, ValueError):
            return None
        return account if account.operator.active and account.get_id() == account_id else None

    logins.user_loader(load)
    if "csrf" not in app.extensions:
        # The webhooks are guarded by the carrier's signature; here `guard` checks the token.
        app.config["WTF_CSRF_CHECK_DEFAULT"] = False
        CSRFProtect(app)


def guard(blueprint: Blueprint) -> None:
    """Login, role and CSRF before every route of the blueprint, strict headers behind every answer."""
    blueprint.before_request(_demand_login_and_role)
    blueprint.before_request(_demand_token)
    blueprint.after_request(_strict_headers)


def allow(role: OperatorRole, *, largest_body: int = 0) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Names the lowest role a view is for. A view without it is refused to everybody.

    `largest_body`: bytes that may be sent to it, where the app's own limit is too narrow (files); 0: the app's.
    """

    def mark(view: Callable[..., Any]) -> Callable[..., Any]:
        view.role = role  # type: ignore[attr-defined]  # the guard reads it; a registry beside it could get out of step
        view.largest_body = largest_body  # type: ignore[attr-defined]  # as above
        return view

    return mark


def role_of(view: Callable[..., Any]) -> OperatorRole | None:
    """The lowest role a view is for; None: nobody."""
    return getattr(view, "role", None)


def _demand_login_and_role() -> ResponseReturnValue | None:
    if request.endpoint in PUBLIC:
        return None
    if not current_user.is_authenticated:
        return _to_login()
    role = role_of(current_app.view_functions[request.endpoint or ""])
    if role is None or not current_user.may(role):
        log.warning("console.refused", operator=me().login, path=request.path)
        abort(403)
    largest = getattr(current_app.view_functions[request.endpoint or ""], "largest_body", 0)
    if largest:  # before anything reads the form
        request.max_content_length = largest
    return None


def _to_login() -> ResponseReturnValue:
    address = url_for("console.login", next=request.path if request.method == "GET" else None)
    if request.headers.get("HX-Request"):
        return "", 401, {"HX-Redirect": url_for("console.login")}
    if request.method == "GET" and request.endpoint != "console.events":
        return redirect(address)
    return "", 401


def _demand_token() -> None:
    if request.endpoint != "console.static":
        protection: CSRFProtect = current_app.extensions["csrf"]
        protection.protect()


def _strict_headers(response: Response) -> Response:
    phone = current_app.extensions.get(SOFTPHONE, False)
    response.headers.setdefault("Content-Security-Policy", CSP_WITH_SOFTPHONE if phone else CSP)
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["X-Frame-Options"] = "DENY"
    response.headers["Referrer-Policy"] = "same-origin"  # the CSRF check over https reads it
    response.headers["Permissions-Policy"] = f"camera=(), geolocation=(), microphone=({'self' if phone else ''})"
    if request.endpoint != "console.static":
        response.headers["Cache-Control"] = "no-store"  # residents' data does not stay on a shared machine
    return response


def add_routes(
    blueprint: Blueprint,
    rooms: Rooms,
    limiter: Limiter,
    *,
    signed_in: Callable[[int], None],
    signed_out: Callable[[int], None],
) -> None:
    """/login and /logout."""

    @limiter.limit(ATTEMPTS_PER_ADDRESS, key_func=caller_address, methods=["POST"])
    @limiter.limit(ATTEMPTS_PER_LOGIN, key_func=_login_name, methods=["POST"])
    def login() -> ResponseReturnValue:
        if current_user.is_authenticated:
            return redirect(url_for("console.work"))
        if request.method == "GET":
            return render_template("console/login.html")
        operator = _operator_with(rooms, _login_name(), request.form.get("password", ""))
        if operator is None:
            log.warning("console.login_failed", login=_login_name()[:40], address=caller_address())
            flash("login_failed", "bad")
            return render_template("console/login.html", login=_login_name()), 401
        session.clear()  # nothing planted before the login survives it
        session.permanent = True
        login_user(Account(operator))
        signed_in(operator.id)
        log.info("console.login", operator=operator.login)
        return redirect(_wished_page(), 303)

    blueprint.add_url_rule("/login", "login", login, methods=["GET", "POST"])

    @blueprint.post("/logout")
    @allow(OperatorRole.OPERATOR)
    def logout() -> ResponseReturnValue:
        signed_out(me().id)
        logout_user()
        session.clear()
        return redirect(url_for("console.login"), 303)


def _login_name() -> str:
    return request.form.get("login", "").strip()


def _operator_with(rooms: Rooms, login: str, password: str) -> Operator | None:
    """The active operator with this login and password; every refusal takes the same time."""
    with rooms.store.read() as tx:
        operator = tx.operator_by_login(login)
    usable = operator if operator and operator.active and operator.password_hash else None
    try:
        _passwords.verify(usable.password_hash if usable else _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return None
    return usable


def _wished_page() -> str:
    """The page the login was asked for, if it is one of ours."""
    wished = request.args.get("next", "")
    start = url_for("console.work")
    parts = urlsplit(wished)
    ours = not parts.scheme and not parts.netloc and parts.path.startswith(start) and "\\" not in wished
    return wished if ours else start
