"""A Letterboxd export: the zip a member downloads, read into typed rows, file by file.

Lives here: every file that says which films were seen, rated, liked or wanted. What is wrong with
one file or line is told (`Problem`) and costs only that. Not here: matching to TMDB, for there is
no id in an export. `profile.csv` (email, name, address) is never opened.
"""

import csv
import io
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from ayne_dagster.sources.letterboxd_rows import (
    DiaryEntry,
    ExportedFilm,
    ListedFilm,
    Problem,
    RawRow,
    entry_hash,
)

LARGEST_FILE_BYTES = 64 << 20
MOST_FILES = 20_000
_FOLDERS = frozenset({"likes", "lists", "deleted", "orphaned", "__MACOSX"})
_UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError)
_SINGLE_FILES = ("watched.csv", "ratings.csv", "watchlist.csv", "likes/films.csv", "diary.csv",
                 "reviews.csv")  # fmt: skip
_FILM = ("Date", "Name", "Year", "Letterboxd URI")
_ENTRY = (*_FILM, "Rating", "Rewatch", "Tags", "Watched Date")
_LIST_FILM = ("Position", "Name", "Year", "URL")
_LIST_TITLE = "Letterboxd list export"

FilmKey = tuple[str, int | None]


class NoExport(ValueError):
    """The file is no zip, or holds no file of a Letterboxd export."""


@dataclass
class LetterboxdExport:
    """What an export says. `deleted/` and `orphaned/` count for nothing."""

    watched: list[ExportedFilm] = field(default_factory=list)
    ratings: list[ExportedFilm] = field(default_factory=list)
    watchlist: list[ExportedFilm] = field(default_factory=list)
    liked: list[ExportedFilm] = field(default_factory=list)
    diary: list[DiaryEntry] = field(default_factory=list)
    reviews: list[DiaryEntry] = field(default_factory=list)
    lists: list[ListedFilm] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_export(path: Path) -> LetterboxdExport:
    """Read an export.

    Args:
        path: The zip as downloaded; its files may lie in a folder of their own.

    Raises:
        NoExport: It is no zip, or there is nothing of Letterboxd's in it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _read(archive)
    except zipfile.BadZipFile as error:
        raise NoExport(f"{path.name} is no zip: {error}") from error


def _read(archive: zipfile.ZipFile) -> LetterboxdExport:
    export = LetterboxdExport()
    files = _members(archive, export.problems)
    found = _Files(archive, files, export.problems)
    export.watched = list(found.films("watched.csv"))
    export.ratings = list(found.films("ratings.csv", ("Rating",)))
    export.watchlist = list(found.films("watchlist.csv"))
    export.liked = list(found.films("likes/films.csv"))
    uris = _film_uris([*export.watched, *export.ratings, *export.watchlist, *export.liked])
    export.diary = list(found.entries("diary.csv", uris))
    export.reviews = list(found.entries("reviews.csv", uris, ("Review",)))
    for name in sorted(files):
        if name.startswith("lists/") and name.endswith(".csv"):
            export.lists.extend(found.listed(name))
    return export


def _members(archive: zipfile.ZipFile, problems: list[Problem]) -> dict[str, zipfile.ZipInfo]:
    """The archive's files by their place in the export."""
    infos = [info for info in archive.infolist() if not info.is_dir()]
    if len(infos) > MOST_FILES:
        raise NoExport(f"{len(infos):,} files are too many for an export")
    safe: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in infos:
        place = PurePosixPath(info.filename.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or ":" in place.parts[0]:
            problems.append(Problem(info.filename, "left out: its path leads out of the export"))
        else:
            safe[place] = info
    root = _root_of(safe)
    return {
        place.relative_to(root).as_posix(): info
        for place, info in safe.items()
        if place.is_relative_to(root)
    }


def _root_of(places: Iterable[PurePosixPath]) -> PurePosixPath:
    """The folder the export's files lie in: people unpack and pack it again inside another.

    Raises:
        NoExport: None of the files is there.
    """
    roots = []
    for place in places:
        for name in _SINGLE_FILES:
            parts = PurePosixPath(name).parts
            above = place.parts[: -len(parts)]
            if place.parts[-len(parts) :] == parts and not _FOLDERS & set(above):
                roots.append(PurePosixPath(*above))
    if not roots:
        raise NoExport("none of Letterboxd's files is in it")
    return min(roots, key=lambda root: (len(root.parts), root))


def _film_uris(films: Sequence[ExportedFilm]) -> dict[FilmKey, str]:
    """Addresses by name and year, for films of which there is only one."""
    found: dict[FilmKey, set[str]] = {}
    for film in films:
        found.setdefault((film.name, film.year), set()).add(film.film_uri)
    return {key: next(iter(uris)) for key, uris in found.items() if len(uris) == 1}


class _Files:
    """The files of one archive, read with their problems noted."""

    def __init__(
        self,
        archive: zipfile.ZipFile,
        files: Mapping[str, zipfile.ZipInfo],
        problems: list[Problem],
    ) -> None:
        self._archive = archive
        self._files = files
        self._problems = problems

    def films(self, name: str, more: Sequence[str] = ()) -> Iterator[ExportedFilm]:
        for number, row in self._rows(name, (*_FILM, *more)):
            said = RawRow(name, number, row, self._problems)
            if not row["Name"] or not row["Letterboxd URI"]:
                said.complain("left out: a film without a name or an address")
                continue
            yield ExportedFilm(
                row["Letterboxd URI"],
                row["Name"],
                said.year(),
                said.day("Date"),
                said.rating() if "Rating" in more else None,
            )

    def entries(
        self, name: str, uris: Mapping[FilmKey, str], more: Sequence[str] = ()
    ) -> Iterator[DiaryEntry]:
        seen: dict[str, int] = {}
        for number, row in self._rows(name, (*_ENTRY, *more)):
            said = RawRow(name, number, row, self._problems)
            if not row["Name"]:
                said.complain("left out: an entry without a film")
                continue
            year = said.year()
            yield DiaryEntry(
                entry_key=row["Letterboxd URI"] or entry_hash(row, seen),
                film_uri=uris.get((row["Name"], year)),
                name=row["Name"],
                year=year,
                logged_on=said.day("Date"),
                watched_on=said.day("Watched Date"),
                rating=said.rating(),
                is_rewatch=row["Rewatch"] == "Yes",
                tags=tuple(tag for part in row["Tags"].split(",") if (tag := part.strip())),
                review=row.get("Review") or None,
            )

    def listed(self, name: str) -> Iterator[ListedFilm]:
        lines = self._lines(name)
        if lines is None:
            return
        start = next((n for n, line in enumerate(lines) if line[:1] == ["Position"]), None)
        if start is None or not lines[0][0].startswith(_LIST_TITLE):
            self._problems.append(Problem(name, "left out: no list of Letterboxd's"))
            return
        for number, row in self._named(name, lines[start:], _LIST_FILM):
            said = RawRow(name, number, row, self._problems)
            if not (row["Position"].isascii() and row["Position"].isdigit()) or not row["URL"]:
                said.complain("left out: a film without a position or an address")
                continue
            yield ListedFilm(
                PurePosixPath(name).stem,
                int(row["Position"]),
                row["URL"],
                row["Name"],
                said.year(),
            )

    def _rows(self, name: str, columns: Sequence[str]) -> Iterator[tuple[int, dict[str, str]]]:
        if name not in self._files:
            self._problems.append(Problem(name, "not in the export"))
            return
        lines = self._lines(name)
        if lines is not None:
            yield from self._named(name, lines, columns)

    def _named(
        self, name: str, lines: Sequence[list[str]], columns: Sequence[str]
    ) -> Iterator[tuple[int, dict[str, str]]]:
        """Rows by column name; columns nobody knows do not matter."""
        header = lines[0] if lines else []
        missing = [column for column in columns if column not in header]
        if missing:
            self._problems.append(Problem(name, f"left out: no column {', '.join(missing)}"))
            return
        for number, line in enumerate(lines[1:], 1):
            if len(line) == len(header):
                yield number, {k: v.strip() for k, v in zip(header, line, strict=True)}
            elif line:
                words = f"left out: {len(line)} fields where {len(header)} belong"
                self._problems.append(Problem(name, words, number))

    def _lines(self, name: str) -> list[list[str]] | None:
        """A file as CSV lines; None, with a problem noted, where it cannot be read."""
        try:
            with self._archive.open(self._files[name]) as file:
                # What a zip says about sizes may be a lie: no more is unpacked than is allowed.
                raw = file.read(LARGEST_FILE_BYTES + 1)
            if len(raw) > LARGEST_FILE_BYTES:
                raise ValueError(f"larger than {LARGEST_FILE_BYTES >> 20} MiB")
            if b"\0" in raw:
                raise ValueError("damaged: it holds NUL bytes")
            text = raw.decode("utf-8-sig")
            # Reviews hold line breaks: the file is never split at them before it is read as CSV.
            return list(csv.reader(io.StringIO(text, newline="")))
        except (*_UNREADABLE, ValueError, csv.Error) as error:
            self._problems.append(Problem(name, f"left out: {error}"))
            return None
