"""A PKCS#11 module: its instances, their generations, and calls into it that have a deadline.

Rule: a restart of a module disconnects all its tokens, so it happens only here, after all calls have returned.
"""

from __future__ import annotations

import ctypes
import os
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, TypeVar

import pkcs11.exceptions as p11

from attest._base import notices
from attest._base.threads import at_fork
from attest.errors import SignerError
from attest.signers.pkcs11.cryptoki.binding import Library
from attest.signers.pkcs11.cryptoki.calls import Deadline, TimedOut, with_deadline
from attest.signers.pkcs11.cryptoki.environment import applied

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pkcs11.types import Token

    from attest.signers.pkcs11.cryptoki.environment import Environment

_T = TypeVar("_T")

MAX_LEFT_BEHIND: Final = 16
_FINALIZING: Final = 10.0  # seconds that somebody waits for an instance that is given up; the call may take longer


class Stale(Exception):
    """The requested generation is gone, or about to go."""


class _Instance:
    """A library, and the number of calls in it. It is ready if it is initialised and no call in it was too late."""

    def __init__(self) -> None:
        self.binding: Library | None = None
        self.calls = 0
        self.ready = False
        self._initialized = False
        self.reclaiming = False

    def initialize(self, library: Library) -> None:
        """C_Initialize. Raises the module's error."""
        self._initialized = True
        try:
            library.initialize()
        except p11.PKCS11Error:
            self._initialized = False
            raise

    def finalize(self, library: Library) -> None:
        """C_Finalize, if it is initialised: p11-kit prints a message if it is not. Raises the module's error."""
        if self._initialized:
            self._initialized = False
            library.finalize()


class Module:
    """A module, by its path, its initialisation arguments and the environment in which it is initialised.

    `generation` counts its starts. Sessions and handles of another generation are not valid, and may now name other
    keys.
    """

    def __init__(self, path: str, reserved: str | None = None, environment: Environment = ()) -> None:
        self.path = path
        self.generation = 0
        self._reserved = reserved
        self._environment = environment
        self._instance: _Instance | None = None
        self._left_behind: list[_Instance] = []
        self._spare: list[_Instance] = []
        self._state = threading.Condition(threading.Lock())
        self._starting = threading.Lock()

    def start(self, deadline: Deadline) -> int:
        """Load and initialise it if necessary, and return the generation.

        Raises SignerError `module-invalid` or `token-timeout`, TimedOut, or the module's error.
        """
        with self._only_one(deadline):
            self._reclaim_all()
            instance = self._instance
            if instance is None and self._spare:
                instance = self._instance = self._spare.pop()
                self._restart(instance, deadline)
            elif instance is None:
                if self.left_behind >= MAX_LEFT_BEHIND:
                    message = f"{MAX_LEFT_BEHIND} instances of the module hang, so no other one is started"
                    raise SignerError("token-timeout", message, where=self.path)
                self._load(deadline)
            elif not instance.ready:
                self._restart(instance, deadline)
            return self.generation

    def start_over(self, seen: int, deadline: Deadline) -> int:
        """Finalise and initialise it, unless that was done since generation `seen`; return the generation.

        Raises TimedOut if calls do not return, or the module's error in C_Initialize.
        """
        with self._only_one(deadline):
            instance = self._instance
            if instance is not None and self.generation == seen:
                self._restart(instance, deadline)
            return self.generation

    def call(self, generation: int, call: Callable[[], _T], deadline: Deadline) -> _T:
        """Run `call`, which uses handles of `generation`. Raises Stale, TimedOut, or what it raises."""
        with self._state:
            instance = self._instance
            if instance is None or self.generation != generation:
                raise Stale
            instance.calls += 1
        try:
            return self._run(instance, call, deadline)
        except TimedOut as error:
            with self._state:
                if error.started and self._instance is instance and self.generation == generation:
                    self.generation += 1
                    self._leave_behind(instance)
            raise

    def tokens(self, generation: int, deadline: Deadline) -> list[Token]:
        """The tokens in all slots that have one; a slot that fails hides none of the others."""
        slots = self.call(generation, lambda: self.binding.get_slots(), deadline)
        found = []
        for slot in slots:
            with suppress(p11.PKCS11Error):
                found.append(self.call(generation, slot.get_token, deadline))
        return found

    @property
    def identity(self) -> tuple[str, str | None, Environment]:
        """What makes it another module than others, also after a fork."""
        return self.path, self._reserved, self._environment

    @property
    def binding(self) -> Library:
        """The loaded library. Raises Stale if there is none."""
        instance = self._instance
        if instance is None or instance.binding is None:
            raise Stale
        return instance.binding

    @property
    def left_behind(self) -> int:
        """The number of instances that were abandoned and are not yet finalised; each keeps its connections open."""
        return len(self._left_behind)

    def _run(self, instance: _Instance, call: Callable[[], _T], deadline: Deadline) -> _T:
        """Run a call that was counted; it counts until it returns, which may be long after its deadline."""

        def counted() -> _T:
            try:
                return call()
            finally:
                self._out_of(instance)

        try:
            return with_deadline(counted, deadline)
        except TimedOut as error:
            if not error.started:
                self._out_of(instance)
            raise

    def _out_of(self, instance: _Instance) -> None:
        with self._state:
            instance.calls -= 1
            if instance.calls:
                return
            self._state.notify_all()
            is_back = instance in self._left_behind
        if is_back:
            self._reclaim(instance)

    def _restart(self, instance: _Instance, deadline: Deadline) -> None:
        library = self.binding
        with self._state:
            self.generation += 1  # from here on no call starts with an old handle
            if not self._state.wait_for(lambda: instance.calls == 0, deadline.left()):
                self._leave_behind(instance)
                raise TimedOut
            instance.calls += 1
            instance.ready = False
        try:
            # An error here does not matter: the module may already be finalised, and only the start decides.
            with suppress(p11.PKCS11Error):
                self._run(instance, lambda: instance.finalize(library), deadline)
            with self._state:
                instance.calls += 1
            with applied(self._environment, deadline) as half:
                self._run(instance, lambda: instance.initialize(library), half)
        except TimedOut:
            with self._state:
                self._leave_behind(instance)
            raise
        instance.ready = True

    def _load(self, deadline: Deadline) -> None:
        instance = _Instance()
        instance.calls = 1

        def load() -> None:
            instance.binding = library = Library.load(self.path, self._reserved)
            # One that is released while the interpreter ends prints an error; so none is released.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(library))
            instance.initialize(library)

        try:
            with applied(self._environment, deadline) as half:
                self._run(instance, load, half)
        except TimedOut as error:
            if error.started:
                with self._state:
                    self._leave_behind(instance)
            raise
        except p11.PKCS11Error:
            self._keep(instance)
            raise
        instance.ready = True
        with self._state:
            self._instance = instance
            self.generation += 1

    def _leave_behind(self, instance: _Instance) -> None:
        """Abandon an instance that hangs. A module that has only one keeps it until its calls return."""
        instance.ready = False
        if instance.binding is not None and not instance.binding.own_instance:
            self._instance = instance
            return
        self._left_behind.append(instance)
        if self._instance is instance:
            self._instance = None

    def _reclaim_all(self) -> None:
        """Reclaim the instances for which no thread was left when they came back."""
        for instance in list(self._left_behind):
            if not instance.calls:
                self._reclaim(instance)

    def _reclaim(self, instance: _Instance) -> None:
        """Finalise, in the background, an instance that hung and came back: that closes its connections.

        It can then be started again, so that the number of instances does not grow with the number of hangs.
        """
        with self._state:
            if instance.reclaiming or instance not in self._left_behind:
                return
            instance.reclaiming = True
        threading.Thread(target=self._finalize, args=(instance,), name="attest-pkcs11-reclaim", daemon=True).start()

    def _finalize(self, instance: _Instance) -> None:
        library = instance.binding

        def finalize() -> None:
            try:
                # The only instance of a module is in use again by now.
                if library is not None and library.own_instance:
                    instance.finalize(library)
            finally:
                with self._state:
                    self._left_behind.remove(instance)
                    instance.reclaiming = False
            if library is not None and library.own_instance:
                self._keep(instance)

        try:
            # However late it returns: until then it is one of those that hang.
            with_deadline(finalize, Deadline(_FINALIZING))
        except TimedOut as error:
            if not error.started:
                instance.reclaiming = False
        except p11.PKCS11Error as error:
            notices.debug("%s: an instance that hung and came back cannot be finalised: %s", self.path, error)

    def _keep(self, instance: _Instance) -> None:
        """Let an instance that is not initialised be started later: p11-kit never frees what an instance needs."""
        if instance.binding is not None:
            self._spare.append(instance)

    @contextmanager
    def _only_one(self, deadline: Deadline) -> Iterator[None]:
        """One thread at a time starts the module; the others wait until their deadline."""
        if not self._starting.acquire(timeout=deadline.left()):
            raise TimedOut(started=False)
        try:
            yield
        finally:
            self._starting.release()


def module_at(path: str, reserved: str | None = None, environment: Environment = ()) -> Module:
    """The one Module of this process for this file and these settings.

    Raises SignerError: `module-not-found`, or `module-invalid` if the file is already in use with other settings, which
    a second initialisation would silently ignore.
    """
    real = os.path.realpath(path)
    if not os.path.isabs(path):
        raise SignerError("module-not-found", "expected the absolute path of a module", where=path, hint=_LIST)
    if not os.path.isfile(real):
        raise SignerError("module-not-found", "the module does not exist", where=path, hint=_LIST)
    with _registry_lock:
        module = _registry.setdefault(real, Module(real, reserved, environment))
    if (module._reserved, module._environment) != (reserved, environment):
        raise SignerError(
            "module-invalid",
            "the module is already in use with other settings",
            where=path,
            hint="Copy the module under another name to load it twice.",
        )
    return module


_LIST: Final = "`attest signer list` shows the modules in the configuration of p11-kit, with their paths."
_registry: dict[str, Module] = {}
_registry_lock = threading.Lock()


def _start_anew() -> None:
    """In a child process: the modules of the parent are neither used nor finalised."""
    global _registry_lock
    _registry.clear()
    _registry_lock = threading.Lock()


at_fork(_start_anew)
