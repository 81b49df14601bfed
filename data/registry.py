"""Classes under names: those of this project, of other installed packages, and of single files.

Blocks and classifiers are found alike, each kind by one `Registry`: a class under `@register("name")` in a
file of the kind's folder, in a module that an installed package names in its entry points, or in a Python
file that the user names (`load_plugins`). Only the user names files: no bundle, index or run folder is asked
which code to load.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Generic, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

from coverfusion.data.errors import UserError, did_you_mean

HOW_TO_MAKE_KNOWN = (
    "If a file of yours brings it, name that file: `coverfusion --plugin FILE ...`, `plugins: [FILE]` in a "
    "config, or `load_plugins` in Python. If a package brings it, install the package."
)
PLUGIN_PREFIX = "coverfusion_plugin_"  # of the module that a plug-in file becomes

C = TypeVar("C")
T = TypeVar("T", bound=type)


@dataclass(frozen=True)
class Plugin:
    """A Python file that registers blocks or classifiers, as it was when it was read.

    It carries its text, so that worker processes and other machines run the very same code.
    """

    path: Path
    source: bytes

    @property
    def digest(self) -> str:
        """sha256 of the text."""
        return hashlib.sha256(self.source).hexdigest()

    @property
    def module(self) -> str:
        """The name of the module that it becomes: that of the file, wherever the file lies."""
        return PLUGIN_PREFIX + self.path.stem


class Registry(Generic[C]):
    """Classes of one kind by name.

    Args:
        kind: what messages call one, such as "block".
        package: the package whose own files hold the built-in ones.
        entry_point_group: where other packages name the modules (or classes) of theirs.
    """

    def __init__(self, kind: str, package: str, entry_point_group: str) -> None:
        self.kind = kind
        self.package = package
        self.entry_point_group = entry_point_group
        self._classes: dict[str, type[C]] = {}
        self._broken: dict[str, str] = {}  # name -> why the package that brings it cannot be imported
        self._searched = False
        self._lock = threading.RLock()
        _REGISTRIES.append(self)

    def register(self, name: str) -> Callable[[T], T]:
        """Makes the class below it known as `name`; the same class defined again replaces the first.

        Raises:
            UserError: another class has that name, it is no plain word, or what is registered is no class.
        """
        if not isinstance(name, str) or not PLAIN_NAME.fullmatch(name):
            raise UserError(f"The name {name!r} of a {self.kind} must be of letters, digits, `_` and `-`.")

        def add(cls: T) -> T:
            if not isinstance(cls, type):
                raise UserError(f"The {self.kind} '{name}' must be a class, not a {type(cls).__name__}.")
            other = self._classes.get(name)
            if other is not None and _place_of(other) != _place_of(cls):
                raise UserError(
                    f"The name '{name}' of a {self.kind} is taken: {_place_of(other)} has it, and so has "
                    f"{_place_of(cls)}. Rename one of the two."
                )
            cls.name = name  # type: ignore[attr-defined]  # declared by each kind's own base class
            self._classes[name] = cls
            return cls

        return add

    def unregister(self, name: str) -> None:
        """Forgets `name`; nothing happens where it is not known."""
        self._classes.pop(name, None)

    def known(self) -> list[type[C]]:
        """The classes that are registered by now; nothing is searched for."""
        return list(self._classes.values())

    def names(self) -> list[str]:
        """All names, sorted."""
        self.search()
        return sorted(self._classes)

    def class_of(self, name: str) -> type[C]:
        """The class registered as `name`.

        Raises:
            UserError: there is none, or its package cannot be imported.
        """
        self.search()
        if name not in self._classes:
            if name in self._broken:
                raise UserError(f"The {self.kind} '{name}' cannot be used: {self._broken[name]}")
            hint = did_you_mean(name, self._classes)
            raise UserError(f"Unknown {self.kind} '{name}'.{hint} {HOW_TO_MAKE_KNOWN}")
        return self._classes[name]

    def parameters_of(self, name: str) -> dict[str, Any]:
        """The arguments of the constructor of `name` with their defaults. Raises UserError as `class_of`."""
        signature = inspect.signature(self.class_of(name))
        return {p.name: p.default for p in signature.parameters.values()}

    def check_parameters(self, name: str, given: Iterable[str], known: Iterable[str]) -> None:
        """Raises UserError for a parameter that is not known."""
        known = list(known)
        for key in given:
            if key not in known:
                raise UserError(
                    f"{self.kind.capitalize()} '{name}' has no parameter '{key}'.{did_you_mean(key, known)}"
                )

    def check_values(self, name: str, given: Mapping[str, Any]) -> None:
        """Raises UserError for a value of another type than its parameter is annotated with."""
        hints = get_type_hints(self.class_of(name).__init__)
        for key, value in given.items():
            hint = hints.get(key, Any)
            try:
                TypeAdapter(hint).validate_python(value, strict=True)
            except ValidationError:
                kinds = str(hint) if get_args(hint) else hint.__name__
                for python, plain in {
                    "NoneType": "null",
                    "None": "null",
                    "typing.": "",
                    "collections.abc.": "",
                }.items():
                    kinds = kinds.replace(python, plain)
                kind = self.kind.capitalize()
                raise UserError(f"{kind} '{name}': {key} must be {kinds}, not {value!r}.") from None

    def origins(self, names: Iterable[str] | None = None) -> dict[str, str]:
        """Name -> origin of those among `names` (None: of all) that are not built in."""
        found = {name: origin_of(self.class_of(name)) for name in (self.names() if names is None else names)}
        return {name: origin for name, origin in found.items() if origin}

    def check_origins(self, origins: dict[str, str], needed_by: str) -> None:
        """Checks that what was saved with other code than this project's own finds that code again.

        Args:
            origins: what `origins` gave when it was saved.
            needed_by: what needs them, to open the message.

        Raises:
            UserError: a name is not known, or comes from another file or package than then.
        """
        for name, expected in origins.items():
            if name not in self.names():
                raise UserError(
                    f"{needed_by} needs the {self.kind} '{name}' ({expected}), which is not known here. "
                    f"{HOW_TO_MAKE_KNOWN}"
                )
            found = origin_of(self.class_of(name))
            if _code_of(found) != _code_of(expected):
                raise UserError(
                    f"{needed_by} was made with another {self.kind} '{name}': expected {expected}, found "
                    f"{found or 'a built-in one'}. Use the same one, or train again."
                )

    def search(self, again: bool = False) -> None:
        """Imports what registers names: this project's files, then installed packages' modules.

        Args:
            again: also where that was done before, to find what was installed meanwhile.

        Raises:
            UserError: two of them have one name.
        """
        with self._lock:
            if self._searched and not again:
                return
            self._searched = True  # at once, for what is imported here may ask for names
            self._broken = {}
            try:
                self._import_built_in()
                self._import_packages()
            except BaseException:
                self._searched = False
                raise

    def forget_module(self, module: str) -> None:
        """Forgets the classes of a module."""
        self._classes = {name: cls for name, cls in self._classes.items() if cls.__module__ != module}

    def _import_built_in(self) -> None:
        folder = Path(str(importlib.import_module(self.package).__file__)).parent
        for path in sorted(folder.glob("*.py")):
            if "\n@register(" in path.read_text(encoding="utf-8"):  # the others may be slow to import
                importlib.import_module(f"{self.package}.{path.stem}")

    def _import_packages(self) -> None:
        for entry in metadata.entry_points(group=self.entry_point_group):
            package = entry.dist.name if entry.dist else entry.value
            try:
                loaded = entry.load()
            except UserError as error:
                raise UserError(f"Package {package}: {error}") from error
            except Exception as error:  # noqa: BLE001 - it may raise anything; who does not use it need not care
                self._broken[entry.name] = f"package {package} does not import: {error}"
                continue
            if isinstance(loaded, type) and loaded not in self._classes.values():
                self.register(entry.name)(loaded)


PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]+")  # it names columns, folders and files
_REGISTRIES: list[Registry[Any]] = []
_plugins: dict[str, Plugin] = {}  # by module


def load_plugins(files: Iterable[str | os.PathLike[str]]) -> None:
    """Runs Python files that register blocks or classifiers; one that is loaded already is not run again.

    Args:
        files: each becomes the module `coverfusion_plugin_<its name>`. Changed text is run anew.

    Raises:
        UserError: a file cannot be read or run, has a name that cannot be a module's, or registers a name
            that is taken; two files have one name.
    """
    use_plugins(_read(Path(file).expanduser().absolute()) for file in files)


def use_plugins(plugins: Iterable[Plugin]) -> None:
    """Loads plug-ins that another process has read (`loaded_plugins`). Raises UserError as `load_plugins`."""
    for plugin in plugins:
        loaded = _plugins.get(plugin.module)
        if loaded is not None and loaded.path != plugin.path and loaded.digest != plugin.digest:
            raise UserError(
                f"The plug-ins {loaded.path} and {plugin.path} have one file name. Rename one of the two."
            )
        if loaded is None or loaded.digest != plugin.digest:
            _run(plugin)


def loaded_plugins() -> list[Plugin]:
    """The plug-ins of this process, in the order of loading; they can be sent to another one."""
    return list(_plugins.values())


def forget_plugins() -> None:
    """Forgets all plug-ins and what they registered."""
    for module in list(_plugins):
        _forget(module)


def registered_in_script() -> bool:
    """Whether the script (or notebook) that runs has registered a block or a classifier of its own."""
    return any(cls.__module__ == "__main__" for registry in _REGISTRIES for cls in registry.known())


def origin_of(cls: type) -> str:
    """Where a class comes from: "" for one of this project, else its plug-in file or its package.

    Of a file (or script) the text counts, of a package its name: it says by `version` what it changes.
    """
    plugin = _plugins.get(cls.__module__)
    if plugin is not None:
        return f"file {plugin.path.name}, sha256 {plugin.digest}"
    if cls.__module__ in ("__main__", "__mp_main__"):
        return _origin_in_script(cls)
    top = cls.__module__.partition(".")[0]
    return "" if top == __name__.partition(".")[0] else f"package {top}"


def code_of(cls: type) -> str:
    """What of `origin_of` tells code from other code: a file may be renamed."""
    return _code_of(origin_of(cls))


def _code_of(origin: str) -> str:
    return origin.rpartition(", ")[2]


def _read(path: Path) -> Plugin:
    if path.suffix != ".py" or not path.stem.isidentifier():
        raise UserError(f"Plug-in {path}: name it as a Python module, such as my_blocks.py.")
    try:
        return Plugin(path, path.read_bytes())
    except OSError as error:
        raise UserError(f"Plug-in {path} cannot be read: {error.strerror or error}.") from error


def _run(plugin: Plugin) -> None:
    for package in ("features", "fusion"):
        importlib.import_module(f"coverfusion.{package}.registry")  # makes its registry
    for registry in _REGISTRIES:
        registry.search()  # so that a name that is taken is refused here, and not later by the other class
    _forget(plugin.module)
    module = ModuleType(plugin.module)
    module.__file__ = str(plugin.path)
    sys.modules[plugin.module] = module
    _plugins[plugin.module] = plugin
    try:
        exec(compile(plugin.source, str(plugin.path), "exec"), module.__dict__)
    except UserError as error:
        _forget(plugin.module)
        raise UserError(f"Plug-in {plugin.path}: {error}") from error
    except (Exception, SystemExit) as error:  # somebody's own code may raise anything
        _forget(plugin.module)
        raise UserError(f"Plug-in {plugin.path} does not run: {type(error).__name__}: {error}") from error


def _forget(module: str) -> None:
    sys.modules.pop(module, None)
    _plugins.pop(module, None)
    for registry in _REGISTRIES:
        registry.forget_module(module)


def _origin_in_script(cls: type) -> str:
    """That of the script as a plug-in file; of a notebook's class the text of the class."""
    file = getattr(sys.modules[cls.__module__], "__file__", None)
    if file is not None:
        return f"file {Path(file).name}, sha256 {hashlib.sha256(Path(file).read_bytes()).hexdigest()}"
    try:
        source = inspect.getsource(cls)
    except (OSError, TypeError):  # typed at a prompt
        return "package __main__"
    return f"notebook, sha256 {hashlib.sha256(source.encode()).hexdigest()}"


def _place_of(cls: type) -> str:
    plugin = _plugins.get(cls.__module__)
    return f"{cls.__qualname__} in {plugin.path if plugin else cls.__module__}"
