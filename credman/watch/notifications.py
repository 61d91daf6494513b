"""Notifications on a person's desktop: by the session bus on Linux, by desktop-notifier elsewhere.

Rule: names, dates and commands are all that goes out. Whoever shows notifications keeps them in a
history, writes them to a log and may send them to a telephone, so a value never comes here.
"""

from __future__ import annotations

import os
import socket
import stat
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import count
from typing import Any

from credman.core.environ import mask_environ

LONGEST_TITLE = 100
LONGEST_TEXT = 300

_APP = "credman"
_ICON = "dialog-password"  # of the freedesktop.org icon naming specification
_SERVICE = "org.freedesktop.Notifications"
_PATH = "/org/freedesktop/Notifications"
_NORMAL, _CRITICAL = 1, 2
_AS_THE_DESKTOP_LIKES = -1
_UNPRINTABLE = "\N{REPLACEMENT CHARACTER}"

_NO_BUS = "no session bus"
_FOREIGN_BUS = "the session bus belongs to another user"
_NOT_REACHED = "the session bus cannot be reached"
_NO_SERVICE = "no notification service answers"
_NOT_INSTALLED = "credman-cli[notify] is not installed"
_NOT_ALLOWED = "this Python may not show notifications"
_NOT_TAKEN = "it was not accepted"

_ERROR = "org.freedesktop.DBus.Error."
_NOBODY_ANSWERS = ("Disconnected", "NameHasNoOwner", "NoReply", "ServiceUnknown", "Spawn.", "Timed")


@dataclass(frozen=True, slots=True)
class Notification:
    """Args:
    title: one line; what is longer than LONGEST_TITLE characters is cut.
    text: plain, no markup; what is longer than LONGEST_TEXT characters is cut.
    is_urgent: it stays on the screen until somebody takes it away, where the desktop can do that.
    """

    title: str
    text: str
    is_urgent: bool


class NotShown(Exception):
    """Its argument is the reason, as a person reads it."""


def notify(
    notifications: Sequence[Notification],
    environ: Mapping[str, str],
    *,
    seconds: float = 5.0,
    platform: str = sys.platform,
) -> str:
    """Shows them. Never raises, asks nothing on a terminal, and leaves no process of its own.

    Args:
        environ: of the person's session or of a job of theirs, which may lack a bus's address.
        seconds: the longest that all of it may take.

    Returns:
        "" when all were accepted; else why the first that was not is not shown.
    """
    is_linux = platform.startswith("linux")
    try:
        given = [_clean(notification) for notification in notifications]
        if not given:
            return ""
        if is_linux:
            _show_on_a_bus(given, environ, seconds)
        else:
            show_by_library(given, seconds=seconds)
    except NotShown as error:
        return str(error)
    except TimeoutError:
        return f"it did not answer in {seconds:g} s"
    except Exception as error:  # noqa: BLE001 - a reminder that cannot be shown breaks nothing else
        if is_linux and isinstance(error, OSError):
            return _NOT_REACHED
        return f"it failed: {type(error).__name__}"
    return ""


def _show_on_a_bus(
    notifications: Sequence[Notification], environ: Mapping[str, str], seconds: float
) -> None:
    told = "DBUS_SESSION_BUS_ADDRESS"
    end = time.monotonic() + seconds
    try:
        show_on_bus(notifications, find_bus(environ), seconds=seconds)
    except (NotShown, OSError) as error:
        is_gone = str(error) == _NO_BUS or isinstance(error, OSError)
        if not (is_gone and environ.get(told)) or isinstance(error, TimeoutError):
            raise
        # A terminal that outlived its session names a bus that is gone: the next one may be there.
        others = mask_environ(environ).without((told,))
        try:
            place = find_bus(others)
        except NotShown:
            raise error from None
        show_on_bus(notifications, place, seconds=max(end - time.monotonic(), 0.1))


def find_bus(environ: Mapping[str, str], runtime_directories: str = "/run/user") -> str:
    """Finds the session bus: where DBUS_SESSION_BUS_ADDRESS says or, without it, where systemd puts
    it. Nothing is ever started to have one.

    Args: runtime_directories: where each user has one, by number.

    Returns:
        A path, or an abstract address, which begins with a null byte.

    Raises:
        NotShown: there is none, or it is not this user's.
    """
    told = environ.get("DBUS_SESSION_BUS_ADDRESS")
    if told:
        place = _read_address(told)
    else:
        runtime = environ.get("XDG_RUNTIME_DIR") or f"{runtime_directories}/{os.geteuid()}"
        place = os.path.join(runtime, "bus")
    # Whoever puts a socket of theirs in its place would read what is due. An abstract address
    # belongs to nobody, and a path may be another's a moment later: see _Bus.
    if not place.startswith("\0"):
        try:
            found = os.stat(place)
        except FileNotFoundError:
            raise NotShown(_NO_BUS) from None
        if found.st_uid != os.geteuid():
            raise NotShown(_FOREIGN_BUS)
        if not stat.S_ISSOCK(found.st_mode):
            raise NotShown(_NO_BUS)
    return place


def show_on_bus(notifications: Sequence[Notification], place: str, *, seconds: float) -> None:
    """Shows them through the service that has org.freedesktop.Notifications on a bus.

    Source: Desktop Notifications Specification 1.2.

    Args:
        place: of the bus, as find_bus tells it.

    Raises:
        NotShown: there is no such service, it refused, or the bus is not this user's.
        TimeoutError: after ``seconds`` in all.
        OSError: nobody is at this place.
    """
    from html import escape

    from jeepney import DBusAddress, new_method_call

    service = DBusAddress(_PATH, bus_name=_SERVICE, interface=_SERVICE)
    with closing(_Bus(place, time.monotonic() + seconds)) as bus:
        # The bus starts the service if it knows how, and says at once if it does not.
        (capabilities,) = bus.call(new_method_call(service, "GetCapabilities"))
        for one in notifications:
            text = escape(one.text, quote=False) if "body-markup" in capabilities else one.text
            hints = {"urgency": ("y", _CRITICAL if one.is_urgent else _NORMAL)}
            actions: list[str] = []
            body = (_APP, 0, _ICON, one.title, text, actions, hints, _AS_THE_DESKTOP_LIKES)
            bus.call(new_method_call(service, "Notify", "susssasa{sv}i", body))


def show_by_library(notifications: Sequence[Notification], *, seconds: float) -> None:
    """Shows them by desktop-notifier. On macOS the system asks the person, once and for all
    programs of this Python, whether it may; that question does not wait for an answer either.

    Raises:
        NotShown: it is not installed, or the system lets it show nothing.
        TimeoutError: after ``seconds`` in all.
    """
    import asyncio

    asyncio.run(asyncio.wait_for(_send_by_library(notifications), seconds))


async def _send_by_library(notifications: Sequence[Notification]) -> None:
    try:
        from desktop_notifier import DesktopNotifier, Icon, Urgency
    except ImportError:
        raise NotShown(_NOT_INSTALLED) from None
    import logging

    # It logs what fails, with a traceback, and raises nothing: on_dispatched tells what did not.
    logging.getLogger("desktop_notifier").setLevel(logging.CRITICAL + 1)
    accepted: list[str] = []
    notifier = DesktopNotifier(app_name=_APP, app_icon=Icon(name=_ICON))
    notifier.on_dispatched = accepted.append
    if not await notifier.request_authorisation():
        raise NotShown(_NOT_ALLOWED)
    if not await notifier.get_capabilities():  # its stand-in, which takes all and shows nothing
        raise NotShown(_NOT_ALLOWED)
    for one in notifications:
        urgency = Urgency.Critical if one.is_urgent else Urgency.Normal
        if await notifier.send(one.title, one.text, urgency=urgency) not in accepted:
            raise NotShown(_NOT_TAKEN)


class _Bus:
    """A connection to a message bus under one deadline: jeepney's own waits for ever for the answer
    to the first call, and sends without a limit."""

    def __init__(self, place: str, end: float) -> None:
        """Args: end: an instant of the monotonic clock.

        Raises:
            NotShown: it is not this user's.
            OSError: nobody is there, or nobody who speaks the protocol.
        """
        from jeepney import Parser
        from jeepney.bus_messages import message_bus

        from credman.agent.client import peer_of

        self._end = end
        self._serials = count(1)
        self._parser = Parser()
        self._socket = socket.socket(socket.AF_UNIX)
        try:
            self._in_time().connect(place)
            peer = peer_of(self._socket)
            if peer is None or peer[1] != os.geteuid():
                raise NotShown(_FOREIGN_BUS)
            self._authenticate()
            self.call(message_bus.Hello())
        except BaseException:
            self._socket.close()
            raise

    def call(self, message: Any) -> tuple[Any, ...]:
        """Returns: what is answered.

        Raises:
            NotShown: an error is.
        """
        from jeepney import HeaderFields
        from jeepney.wrappers import DBusErrorResponse, unwrap_msg

        serial = next(self._serials)
        self._in_time().sendall(message.serialise(serial))
        while True:
            answer = self._parser.get_next_message()
            if answer is None:
                self._parser.add_data(self._receive())
            elif answer.header.fields.get(HeaderFields.reply_serial) == serial:
                break
        try:
            return tuple(unwrap_msg(answer))
        except DBusErrorResponse as error:
            raise NotShown(_explain(str(error.name))) from None

    def close(self) -> None:
        self._socket.close()

    def _authenticate(self) -> None:
        from jeepney.auth import BEGIN, AuthenticationError, Authenticator

        dialogue = Authenticator()
        try:
            for line in dialogue:
                self._in_time().sendall(line)
                dialogue.feed(self._receive())
        except AuthenticationError:
            raise ConnectionRefusedError from None
        self._in_time().sendall(BEGIN)

    def _receive(self) -> bytes:
        data = self._in_time().recv(4096)
        if not data:
            raise ConnectionResetError
        return data

    def _in_time(self) -> socket.socket:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket


def _read_address(address: str) -> str:
    from jeepney.bus import get_connectable_addresses

    try:
        return str(next(get_connectable_addresses(address)))
    except (RuntimeError, ValueError):  # of another kind, or no address
        raise NotShown(_NOT_REACHED) from None


def _explain(error: str) -> str:
    if error.removeprefix(_ERROR).startswith(_NOBODY_ANSWERS):
        return _NO_SERVICE
    return f"the notification service refused it: {_clip(error.rpartition('.')[2], 40)}"


def _clean(notification: Notification) -> Notification:
    title, text = _clip(notification.title, LONGEST_TITLE), _clip(notification.text, LONGEST_TEXT)
    return Notification(title, text, notification.is_urgent)


def _clip(text: str, longest: int) -> str:
    shown = text if len(text) <= longest else text[: longest - 1] + "…"
    return "".join(letter if letter.isprintable() else _UNPRINTABLE for letter in shown)
