"""What `make setup` builds: assets, translations, collected static files."""

import json

import polib
import pytest

from config import assets, static_files, translations
from config.icons import ICONS


@pytest.fixture
def modules(tmp_path):
    """A node_modules directory with every file that pages use, and more."""
    root = tmp_path / "node_modules"
    for package in assets.LICENSED:
        facts = {"name": package, "version": "1.2.3", "license": "MIT"}
        (root / package).mkdir(parents=True)
        (root / package / "package.json").write_text(json.dumps(facts))
    for package, names in assets.FILES.items():
        for name in names:
            (root / package / name).parent.mkdir(parents=True, exist_ok=True)
            (root / package / name).write_text("body\n//# sourceMappingURL=gone.map\n")
    outline = root / "@tabler/icons/icons/outline"
    outline.mkdir(parents=True)
    for name in (*ICONS, "unused"):
        (outline / f"{name}.svg").write_text('<svg\n  class="x"\n>\n  <path d="M1" />\n</svg>\n')
    (root / "echarts" / "LICENSE").write_text("the whole licence")
    return root


def test_only_what_pages_use_is_copied(modules, tmp_path):
    vendor = tmp_path / "vendor"
    vendor.mkdir()
    (vendor / "old.js").touch()
    assets.build(modules, vendor)
    names = {path.name for path in vendor.iterdir()}
    assert names == {"tabler.min.css", "tabler.min.js", "echarts.min.js", "icons", "LICENSES.txt"}
    assert (vendor / "echarts.min.js").read_text() == "body\n"
    assert {path.stem for path in (vendor / "icons").iterdir()} == set(ICONS)
    assert (vendor / "icons" / "mail.svg").read_text().endswith('><path d="M1" /></svg>\n')
    licences = (vendor / "LICENSES.txt").read_text()
    assert "echarts 1.2.3 (MIT)\n\nthe whole licence" in licences


def test_a_missing_file_is_named_and_the_old_files_stay(modules, tmp_path):
    vendor = tmp_path / "vendor"
    assets.build(modules, vendor)
    (modules / "echarts/dist/echarts.min.js").unlink()
    with pytest.raises(assets.MissingAsset, match=r"echarts.min.js is missing: run `make setup`"):
        assets.build(modules, vendor)
    assert (vendor / "echarts.min.js").exists()


CATALOGUE = """
msgid ""
msgstr "Content-Type: text/plain; charset=UTF-8"

msgid "Send"
msgstr "送信"

msgid "Hold"
msgstr ""

#, fuzzy
msgid "Pool"
msgstr "池"

#~ msgid "Gone"
#~ msgstr ""
"""


@pytest.fixture
def locale(tmp_path):
    path = tmp_path / "locale" / "ja" / "LC_MESSAGES" / "django.po"
    path.parent.mkdir(parents=True)
    path.write_text(CATALOGUE, encoding="utf-8")
    return tmp_path / "locale"


def test_catalogues_are_compiled_once_for_each_change(locale):
    (written,) = translations.compile_all(locale)
    assert translations.compile_all(locale) == []
    (entry,) = polib.mofile(str(written))
    assert (entry.msgid, entry.msgstr) == ("Send", "送信")


def test_texts_without_a_finished_translation_are_named_with_their_place(locale):
    (path,) = translations.catalogues(locale)
    missing, doubtful = translations.gaps(path)
    assert missing.endswith(":8: not translated: 'Hold'")
    assert doubtful.endswith(":11: fuzzy: 'Pool'")


def test_an_unfinished_catalogue_fails_the_check(locale, monkeypatch, capsys):
    monkeypatch.setattr(translations, "BASE_DIR", locale.parent)
    assert translations.main(["--check"]) == 1
    assert capsys.readouterr().err.count("\n") == 2
    assert translations.main([]) == 0


def test_the_product_is_translated():
    assert translations.main(["--check"]) == 0


def test_missing_packages_fail_the_build_with_one_sentence(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(assets, "BASE_DIR", tmp_path)
    (tmp_path / "static").mkdir()
    assert assets.main() == 1
    assert capsys.readouterr().err.startswith("hatobin: ")


def test_static_files_are_collected_only_after_a_change(settings, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "app.css").write_text("a {}")
    settings.STATICFILES_DIRS = [source]
    settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
    settings.STATIC_ROOT = tmp_path / "collected"
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": settings.HASHED_STATIC}}
    assert static_files.collect() is True
    assert static_files.collect() is False
    (source / "more.css").write_text("b {}")
    assert static_files.collect() is True
    assert len(list((tmp_path / "collected").glob("more.*.css"))) == 1
