"""An export is read file by file: what is wrong with one costs only that one (fault case 24)."""

import zipfile
from datetime import date
from pathlib import Path

import pytest

from ayne_dagster.sources import letterboxd_export
from ayne_dagster.sources.letterboxd_export import LetterboxdExport, NoExport, read_export

FILM = "Date,Name,Year,Letterboxd URI"
ENTRY = f"{FILM},Rating,Rewatch,Tags,Watched Date"
REVIEW = f"{FILM},Rating,Rewatch,Review,Tags,Watched Date"
LIST = (
    "Letterboxd list export v7\nDate,Name,Tags,URL,Description\n"
    '2026-01-01,"Slow, quiet",,https://boxd.it/aaaaa,"Two\nlines"\n\n'
    "Position,Name,Year,URL,Description\n"
    "1,The Orrery,1999,https://boxd.it/a1,\n2,Nowhere,,https://boxd.it/b2,\nx,Bad,1,https://b,\n"
)
# Invented films; the shapes are those of real exports.
FILES: dict[str, str] = {
    "watched.csv": f'{FILM}\n2026-01-01,The Orrery,1999,https://boxd.it/a1\n'
    '2026-01-01,"Ferry, ""Home""",2001,https://boxd.it/b2\n2026-01-01,Blank,,https://boxd.it/c3\n'
    "2026-01-01,Twice,2000,https://boxd.it/t1\n2026-01-01,Twice,2000,https://boxd.it/t2\n",
    "ratings.csv": f"{FILM},Rating\n2026-01-02,The Orrery,1999,https://boxd.it/a1,3.5\n"
    "2026-01-02,Blank,,https://boxd.it/c3,5\n",
    "watchlist.csv": f"{FILM}\n2026-01-03,Tomorrow,2027,https://boxd.it/w1\n",
    "likes/films.csv": f"{FILM}\n2026-01-04,Liked Only,1980,https://boxd.it/l1\n",
    "diary.csv": f"{ENTRY}\n2026-02-01,The Orrery,1999,https://boxd.it/AAAAA,4,Yes,"
    '"cinema, 35mm",2026-01-31\n2026-02-02,Blank,,https://boxd.it/BBBBB,,,,2026-02-02\n'
    "2026-02-03,Twice,2000,https://boxd.it/CCCCC,0.5,,,2026-02-03\n",
    "reviews.csv": f'{REVIEW}\n2026-02-01,The Orrery,1999,https://boxd.it/AAAAA,4,Yes,'
    '"A <b>review</b>,\n\nin ""lines""",cinema,2026-01-31\n',
    "lists/slow-quiet.csv": LIST,
    "profile.csv": "Date Joined,Username,Email Address\n2020-01-01,someone,someone@example.org\n",
    "comments.csv": "Date,Content,Comment\n2026-01-01,x,y\n",
    "deleted/diary.csv": f"{ENTRY}\n2026-02-09,Deleted,1999,https://boxd.it/DDDDD,,,,2026-02-09\n",
    "orphaned/diary.csv": f"{ENTRY}\n2026-02-09,Orphan,1999,,,,,2026-02-09\n",
}  # fmt: skip


def pack(folder: Path, files: dict[str, str | bytes], top: str = "") -> Path:
    path = folder / "letterboxd-someone-2026-11-20-12-00-utc.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in files.items():
            archive.writestr(f"{top}{name}", text)
    return path


def read(folder: Path, changed: dict[str, str | bytes | None] | None = None) -> LetterboxdExport:
    files = {n: t for n, t in {**FILES, **(changed or {})}.items() if t is not None}
    return read_export(pack(folder, files))


def words(export: LetterboxdExport) -> list[tuple[str, int | None]]:
    return [(problem.file, problem.row) for problem in export.problems]


def test_a_whole_export_gives_every_row(tmp_path: Path):
    export = read(tmp_path)
    assert [f.name for f in export.watched][:3] == ["The Orrery", 'Ferry, "Home"', "Blank"]
    assert [f.rating for f in export.ratings] == [3.5, 5.0]
    assert export.watched[2].year is None
    assert [f.film_uri for f in export.watchlist + export.liked] == [
        "https://boxd.it/w1", "https://boxd.it/l1",
    ]  # fmt: skip
    entry = export.diary[0]
    assert (entry.rating, entry.is_rewatch, entry.tags) == (4.0, True, ("cinema", "35mm"))
    assert (entry.logged_on, entry.watched_on) == (date(2026, 2, 1), date(2026, 1, 31))
    assert export.reviews[0].review == 'A <b>review</b>,\n\nin "lines"'
    assert [(f.list_file, f.position, f.year) for f in export.lists] == [
        ("slow-quiet", 1, 1999), ("slow-quiet", 2, None),
    ]  # fmt: skip
    assert words(export) == [("lists/slow-quiet.csv", 3)]


def test_a_diary_entry_finds_its_film_by_name_and_year_and_never_by_its_address(tmp_path: Path):
    """Not one address of a diary is that of a film: joined by it, the whole diary was lost."""
    same = FILES["diary.csv"].replace("https://boxd.it/BBBBB", "https://boxd.it/a1")
    export = read(tmp_path, {"diary.csv": same})
    assert [entry.film_uri for entry in export.diary] == [
        "https://boxd.it/a1", "https://boxd.it/c3", None,
    ]  # fmt: skip
    assert export.diary[1].name == "Blank"


def test_reviews_and_the_profile_stay_private(tmp_path: Path):
    text = repr(read(tmp_path))
    assert "review</b>" not in text
    assert "someone" not in text


@pytest.mark.parametrize("top", ["letterboxd-someone/", "a/b/"])
def test_a_folder_around_the_files_does_not_matter(tmp_path: Path, top: str):
    path = pack(tmp_path, {**FILES, "../" * top.count("/") + ".DS_Store": "x"}, top)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("__MACOSX/watched.csv", "x")
    export = read_export(path)
    assert len(export.watched) == 5
    assert len(export.diary) == 3


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("watchlist.csv", None),
        ("watchlist.csv", b"\0" * 208),
        ("watchlist.csv", ""),
        ("watchlist.csv", "Date,Title\n2026-01-01,x\n"),
        ("watchlist.csv", f"{FILM}\n2026-01-01,\xff,1,x\n".encode("latin-1")),
        ("watchlist.csv", f'{FILM}\n2026-01-01,"{"x" * 200_000}",1,x\n'),
        ("lists/slow-quiet.csv", "no list"),
    ],
    ids=["missing", "NULs", "empty", "other columns", "no UTF-8", "huge field", "no list"],
)
def test_a_bad_file_costs_only_itself(tmp_path: Path, name: str, content: str | bytes | None):
    export = read(tmp_path, {name: content})
    assert (name, None) in words(export)
    assert export.watchlist == [] or export.lists == []
    assert (len(export.watched), len(export.diary), len(export.reviews)) == (5, 3, 1)


def test_a_bad_row_costs_only_itself(tmp_path: Path):
    rows = (
        f"\ufeff{FILM},Rating,New Column\r\n2026-01-01,Good,1999,https://boxd.it/g,3,x\r\n\r\n"
        "2026-01-01,Short,1999\r\nsome day,Odd,soon,https://boxd.it/o,7,x\r\n"
        "2026-01-01,,1999,https://boxd.it/n,3,x\r\n2026-01-01,Nowhere,1999,,3,x\r\n"
    )
    export = read(tmp_path, {"ratings.csv": rows, "lists/slow-quiet.csv": None})
    assert [(f.name, f.year, f.rating, f.logged_on) for f in export.ratings] == [
        ("Good", 1999, 3.0, date(2026, 1, 1)),
        ("Odd", None, None, None),
    ]
    assert words(export) == [("ratings.csv", row) for row in (3, 4, 4, 4, 5, 6)]


def test_entries_without_an_address_keep_their_name_from_export_to_export(tmp_path: Path):
    row = "2026-02-01,The Orrery,1999,,4,,,2026-01-31\n"
    other = "2026-02-02,Blank,,,4,,,2026-01-31\n"
    first = read(tmp_path, {"diary.csv": f"{ENTRY}\n{row}{row}"}).diary
    later = read(tmp_path, {"diary.csv": f"{ENTRY}\n{other}{row}{row}"}).diary
    assert len({entry.entry_key for entry in later}) == 3
    assert [entry.entry_key for entry in later[1:]] == [entry.entry_key for entry in first]


@pytest.mark.parametrize("name", ["../watched.csv", "/etc/watched.csv", "C:/watched.csv"])
def test_a_path_out_of_the_export_is_left_out(tmp_path: Path, name: str):
    export = read(tmp_path, {name: "x"})
    assert (name, None) in words(export)
    assert len(export.watched) == 5


def test_a_file_that_unpacks_to_more_than_is_allowed_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(letterboxd_export, "LARGEST_FILE_BYTES", 1 << 20)
    export = read(tmp_path, {"watchlist.csv": b" " * (1 << 22)})
    assert [p.file for p in export.problems if "larger than 1 MiB" in p.words] == ["watchlist.csv"]


@pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut off"])
def test_what_is_no_zip_is_said(tmp_path: Path, content: bytes):
    path = tmp_path / "export.zip"
    path.write_bytes(content)
    with pytest.raises(NoExport, match="no zip"):
        read_export(path)


def test_a_zip_of_something_else_is_said(tmp_path: Path):
    with pytest.raises(NoExport, match="none of"):
        read_export(pack(tmp_path, {"photos/1.jpg": "x", "deleted/diary.csv": "x"}))


def test_a_damaged_member_costs_only_itself(tmp_path: Path):
    path = pack(tmp_path, {**FILES})
    body = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        at = archive.getinfo("watchlist.csv").header_offset
    body[at + 50 : at + 60] = b"\xff" * 10
    path.write_bytes(bytes(body))
    export = read_export(path)
    assert ("watchlist.csv", None) in words(export)
    assert len(export.diary) == 3
