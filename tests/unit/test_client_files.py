"""Files that people write for the grid, and what is said about their mistakes."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from xwhep.client.app_file import read_app
from xwhep.client.batch_file import read_batch
from xwhep.client.contents import measure, place
from xwhep.client.specifications import parse_job, split_input, split_pair
from xwhep.errors.installations import LocalFileError
from xwhep.errors.keys import PrivateKeyError
from xwhep.errors.requests import InvalidFieldError
from xwhep.protocol.base import Cpu, Os
from xwhep.vanity.addresses import Form, Network
from xwhep.vanity.key_files import part_key, read_part, write_part, write_whole

HEAD = 'name = "echo"\nversion = "1"\nkind = "native"\n'
TARGET = '[[targets]]\nos = "linux"\ncpu = "any"\n'


def app_file(folder: Path, text: str) -> Path:
    path = folder / "app.toml"
    path.write_text(text)
    return path


def test_an_app_file_says_programs_and_limits(tmp_path: Path) -> None:
    app = read_app(app_file(tmp_path, HEAD + TARGET + 'file = "echo.sh"\n[limits]\nwall_s = 5\n'))

    assert (app.name, app.version, app.limits.wall_s) == ("echo", "1", 5)
    assert [(target.os, target.cpu, target.file) for target in app.targets] == [(Os.LINUX, Cpu.ANY, Path("echo.sh"))]


def test_an_app_of_a_kind_that_the_client_does_not_know_is_the_dispatchers_to_judge(tmp_path: Path) -> None:
    app = read_app(app_file(tmp_path, HEAD.replace("native", "primes")))

    assert (app.kind, app.targets) == ("primes", [])


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (HEAD.replace("native", "primes") + "below = 9\n", "app.toml: below: nobody knows this key"),
        (HEAD.replace("native", "No Kind"), "app.toml: kind: string should match pattern"),
        (HEAD.replace('"native"', "[1]"), "app.toml: kind: input should be a valid string"),
        (HEAD + "author = 1\n" + TARGET + 'file = "a"\n', "app.toml: author: nobody knows this key"),
        (HEAD + TARGET + 'file = "a"\nsize = 1\n', "app.toml: targets.0.size: nobody knows this key"),
        (HEAD + TARGET + 'file = "a"\n[limits]\nwall = 1\n', "app.toml: limits.wall: nobody knows this key"),
        (HEAD + TARGET + 'file = "a"\n[limits]\nwall_s = 0\n', "app.toml: limits.wall_s: input should be greater"),
        (HEAD, "app.toml: a native app needs a target"),
        (HEAD + TARGET, "app.toml: targets.0: a target has either a file or a blob"),
        (HEAD + TARGET + f'blob = "{"a" * 64}"\n', "app.toml: targets.0: a target with a blob needs an entry"),
        (HEAD + TARGET + 'file = "a"\nentry = "../a"\n', "app.toml: targets.0.entry: must be a plain relative path"),
        ('version = "1"\nkind = "native"\n', "app.toml: name: field required"),
        ("name = ", "app.toml: this is not TOML"),
    ],
)
def test_a_mistake_in_an_app_file_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(InvalidFieldError) as caught:
        read_app(app_file(tmp_path, text))

    assert caught.value.text.startswith(says)
    assert caught.value.exit_status == 2


def test_a_batch_is_written_in_lines_or_in_toml(tmp_path: Path) -> None:
    (tmp_path / "input.txt").touch()
    lines, toml = tmp_path / "a sweep.jsonl", tmp_path / "sweep.toml"
    lines.write_text('{"app": "echo", "arguments": ["1"], "inputs": ["input.txt=in.txt"]}\n\n{"app": "echo"}\n')
    toml.write_text('name = "mine"\n[[jobs]]\napp = "echo"\nlimits = {wall_s = 7}\n')

    of_lines, of_toml = read_batch(lines), read_batch(toml)

    assert (of_lines[0], [job.arguments for job in of_lines[1]]) == ("a-sweep", [["1"], []])
    assert (of_toml[0], of_toml[1][0].limits) == ("mine", {"wall_s": 7})


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("b.jsonl", '{"app": "echo"}\n{"app": }', "b.jsonl: line 2: this is not JSON"),
        ("b.jsonl", "[" * 100_000, "b.jsonl: line 1: this is not JSON"),
        ("b.jsonl", '{"app": "echo", "argument": []}', "b.jsonl: line 1: argument: nobody knows this key"),
        ("b.jsonl", '{"app": "echo", "stdin": "nowhere"}', "b.jsonl: line 1: there is no file nowhere"),
        ("b.jsonl", '{"app": "echo", "limits": {"wall": 1}}', "b.jsonl: line 1: limits: there is no limit 'wall'"),
        ("b.jsonl", "", "b.jsonl: a batch has 1 to 1,000 jobs and this has 0"),
        ("b.jsonl", '{"app": "echo"}\n' * 1001, "b.jsonl: a batch has 1 to 1,000 jobs and this has 1,001"),
        ("b.toml", "title = 1\n", "b.toml: title: nobody knows this key; known are name and jobs"),
        ("b.toml", "jobs = 1\n", "b.toml: write the name as a text, and each job as a table [[jobs]]"),
        ("b.toml", 'name = "a b"\n[[jobs]]\napp = "echo"\n', "name: string should match pattern"),
    ],
)
def test_a_mistake_in_a_batch_is_named(tmp_path: Path, name: str, text: str, says: str) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(InvalidFieldError) as caught:
        read_batch(tmp_path / name)

    assert caught.value.text.startswith(says)


def test_a_job_in_a_file_has_the_bounds_of_a_message(tmp_path: Path) -> None:
    with pytest.raises(InvalidFieldError, match="arguments: list should have at most 1000 items"):
        parse_job(json.loads(json.dumps({"app": "echo", "arguments": ["a"] * 1001})), "b.jsonl: line 1", tmp_path)


def test_pairs_and_inputs_are_split_at_the_first_equals_sign() -> None:
    assert split_pair("A=b=c") == ("A", "b=c")
    assert split_input("dir/a.txt=b/c.txt") == (Path("dir/a.txt"), "b/c.txt")
    assert split_input("dir/a.txt") == (Path("dir/a.txt"), "a.txt")


def test_a_file_is_measured_while_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    seen: list[int] = []

    blob = measure(tmp_path / "file", seen.append)

    assert blob.digest == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"  # FIPS 180-4, "abc"
    assert (blob.size_bytes, seen) == (3, [3])


def test_a_file_that_exists_is_overwritten_only_on_demand(tmp_path: Path) -> None:
    (tmp_path / "there").touch()

    with pytest.raises(LocalFileError, match="it exists already"):
        place(tmp_path, "there", overwrite=False)
    assert place(tmp_path, "there", overwrite=True) == tmp_path / "there"


def test_a_link_that_leads_out_of_the_folder_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path)

    with pytest.raises(LocalFileError, match="leads out of it"):
        place(tmp_path / "folder", "link/file", overwrite=True)


def test_a_part_of_a_key_comes_back_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "part.key"

    write_part(path, part_key(123_456_789))

    assert read_part(path) == part_key(123_456_789)
    assert "123456789" not in repr(part_key(123_456_789))


@pytest.mark.parametrize("text", ["", "secret = 5\n", "not TOML", 'public_key = "02"\n', "secret = \u00e9"])
def test_another_file_is_no_part_of_a_key(tmp_path: Path, text: str) -> None:
    (tmp_path / "file").write_text(text, encoding="utf-8")

    with pytest.raises(LocalFileError, match="no file that `xwhep vanity keygen` wrote"):
        read_part(tmp_path / "file")


def test_a_secret_that_cannot_be_is_not_repeated(tmp_path: Path) -> None:
    (tmp_path / "file").write_text(f'secret = "{"f" * 64}"\n')

    with pytest.raises(PrivateKeyError) as caught:
        read_part(tmp_path / "file")

    assert "ffff" not in caught.value.text


def test_a_private_key_is_written_over_itself(tmp_path: Path) -> None:
    for _ in range(2):
        write_whole(tmp_path / "1abc.key", "1abc", 1)

    text = (tmp_path / "1abc.key").read_text()
    assert 'wif = "KwDiBf89QgGbjEhKnhXJuH7LrciVrZi3qYjgd9M7rFU73sVHnoWn"' in text  # of the key 1, widely published


def test_a_private_key_of_ethereum_is_written_in_hexadecimal_digits(tmp_path: Path) -> None:
    write_whole(tmp_path / "key", "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf", 1, form=Form.ETHEREUM)

    assert tomllib.loads((tmp_path / "key").read_text()) == {
        "address": "0x7E5F4552091A69125d5DfCb7b8C2659029395Bdf",
        "form": "ethereum",
        "private_key": f"0x{1:064x}",
    }


def test_a_private_key_is_written_for_the_form_and_network_of_its_address(tmp_path: Path) -> None:
    write_whole(tmp_path / "key", "n1", 1, form=Form.P2PKH_UNCOMPRESSED, network=Network.TEST)

    found = tomllib.loads((tmp_path / "key").read_text())
    assert found == {
        "address": "n1",
        "form": "p2pkh-uncompressed",
        "wif": "91avARGdfge8E4tZfYLoxeJ5sGBdNJQH4kvjJoQFacbgwmaKkrx",
    }
