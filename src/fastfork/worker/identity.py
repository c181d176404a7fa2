"""Who a worker is: user, groups and umask, taken before the application is loaded."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING

import msgspec

from fastfork.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastfork.settings import Settings


class Identity(msgspec.Struct, frozen=True):
    """What a worker becomes; None leaves it as it is."""

    user: int | None = None
    group: int | None = None
    groups: tuple[int, ...] | None = None
    umask: int | None = None

    def take(self) -> None:
        """Become it, for good. Raises ConfigError if that is not allowed."""
        try:
            if self.groups is not None:
                os.setgroups(self.groups)
            if self.group is not None:
                os.setresgid(self.group, self.group, self.group)
            if self.user is not None:
                os.setresuid(self.user, self.user, self.user)
        except OSError as error:
            raise ConfigError(
                f"can't become user {self.user}, group {self.group}: {error.strerror};"
                " only root may, so start the server as root, or as that user without --user"
            ) from None
        if self.umask is not None:
            os.umask(self.umask)

    def give(self, fds: Iterable[int]) -> None:
        """In the master: make the plain files behind *fds* its own, so that workers can open them again."""
        for fd in fds:
            if stat.S_ISREG(os.fstat(fd).st_mode):
                os.fchown(fd, self._or_any(self.user), self._or_any(self.group))

    @staticmethod
    def _or_any(number: int | None) -> int:
        return -1 if number is None else number


def identity_of(settings: Settings) -> Identity:
    """Return what *settings* say that workers are. Raises ConfigError for a name that nobody has."""
    umask = None if settings.umask is None else int(settings.umask.removeprefix("0o"), 8)
    user, group, groups = None, None, None
    if settings.user is not None:
        user, group, groups = _user(settings.user)
    if settings.group is not None:
        group = _group(settings.group)
        groups = (group,) if groups is None else (group, *groups)
    is_ours = user in {None, os.geteuid()} and group in {None, os.getegid()}
    return Identity(umask=umask) if is_ours else Identity(user, group, groups, umask)


def _user(text: str) -> tuple[int, int | None, tuple[int, ...]]:
    import pwd

    try:
        entry = pwd.getpwuid(int(text)) if text.isdecimal() else pwd.getpwnam(text)
    except KeyError:
        if text.isdecimal():  # containers have users without a name
            return int(text), None, ()
        raise ConfigError(f"user: there is no user {text!r}") from None
    groups = os.getgrouplist(entry.pw_name, entry.pw_gid)
    return entry.pw_uid, entry.pw_gid, tuple(groups)


def _group(text: str) -> int:
    import grp

    try:
        return int(text) if text.isdecimal() else grp.getgrnam(text).gr_gid
    except KeyError:
        raise ConfigError(f"group: there is no group {text!r}") from None
