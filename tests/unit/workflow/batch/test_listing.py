import os
from pathlib import Path

import pytest

from lithograph.errors import UsageError
from lithograph.workflow.batch.listing import Listing, check_paths, look_over, shown, walk


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.txt", "a/z.txt", "a/.hidden", "c/d/e.md", ".git/config", "c.pdf", "ontology.ttl"):
        path = tmp_path / "docs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "far.txt").write_text("far")
    (tmp_path / "docs" / "link").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "docs" / "near.txt").symlink_to(tmp_path / "elsewhere" / "far.txt")
    (tmp_path / "docs" / "torn.txt").symlink_to(tmp_path / "nothing")
    return tmp_path / "docs"


def names(folder: Path, *paths: Path, apart_from: tuple[Path, ...] = ()) -> list[str]:
    return [str(found.path.relative_to(folder)) for found in walk(paths or [folder], apart_from)]


def test_files_come_in_order_folder_by_folder_and_nothing_is_left_out_unseen(folder: Path) -> None:
    expected = ["a/z.txt", "b.txt", "c/d/e.md", "c.pdf", "near.txt", "ontology.ttl", "torn.txt"]
    assert names(folder) == expected
    assert names(folder, apart_from=(folder / "ontology.ttl", folder / "none")) == [
        name for name in expected if name != "ontology.ttl"
    ]


def test_what_is_named_is_taken_in_the_order_given_hidden_or_not(folder: Path) -> None:
    assert names(folder, folder / "c", folder / "a" / ".hidden", folder / "b.txt") == ["c/d/e.md", "a/.hidden", "b.txt"]


def test_a_path_that_is_not_there_is_wrong_use(folder: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.txt does not exist"):
        check_paths([folder, folder / "absent.txt"])
    with pytest.raises(UsageError, match=r"absent\.txt does not exist"):
        names(folder, folder / "absent.txt")


def look(folder: Path) -> Listing:
    return look_over(walk([folder]))


def test_the_same_files_have_the_same_key_and_changed_ones_another(folder: Path) -> None:
    first = look(folder)
    assert first.files == 7
    assert look(folder) == first
    keys = {first.key}
    (folder / "b.txt").write_text("longer than before")
    keys.add(look(folder).key)
    os.utime(folder / "c.pdf", ns=(1, 1))
    keys.add(look(folder).key)
    (folder / "b.txt").rename(folder / "bb.txt")
    keys.add(look(folder).key)
    assert len(keys) == 4


def test_a_name_that_is_no_text_can_be_shown(folder: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(folder) + b"/\xff.txt"))
    path.write_text("odd")
    assert shown(path).endswith("/\ufffd.txt")
    assert path in [found.path for found in walk([folder])]
    assert look(folder).files == 8
