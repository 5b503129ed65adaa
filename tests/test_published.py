"""The printed numbers: complete, in keeping with each other and, where the papers' texts are at hand, with those."""

import os
import re
from functools import cache
from pathlib import Path

import pytest

from renderih_lib.claims import published, published_tables
from renderih_lib.hand.anatomy import TABLE_2

PAPERS = Path(os.environ.get("RENDERIH_PAPERS", Path(__file__).parents[2] / "shared" / "papers"))
#: First word of a table's name -> the texts it is from; tables of the RenderIH paper have no such word.
TEXTS = {
    "InterNet": ("interhand26m_internet_eccv2020.txt",),
    "InterShape": ("intershape_iccv2021.txt",),
    "Gap": ("synthetic_to_real_gap_cvpr2025.txt",),
    "": ("renderih_iccv2023.txt", "renderih_supplement.txt"),
}
#: (tables, numbers) of each paper: nothing gets lost unnoticed.
TOTALS = {"": (15, 173), "InterNet": (7, 128), "InterShape": (2, 29), "Gap": (12, 117)}

needs_papers = pytest.mark.skipif(not PAPERS.is_dir(), reason="the texts of the papers are not here")


def paper_of(table):
    return table.split()[0] if table.split()[0] in TEXTS else ""


@cache
def lines(paper):
    """The lines of a paper's text with one kind of dash and multiplication sign."""
    text = "\n".join((PAPERS / name).read_text() for name in TEXTS[paper])
    return text.replace("−", "-").replace("–", "-").replace("1e^{-4}", "0.0001").splitlines()


def numbers(table):
    return [
        [cell for cell in row if isinstance(cell, (int, float))]
        for row in published_tables()[table]["rows"].values()
    ]


def pattern(number):
    """What a printed number looks like: 6.1 may be 6.10, and 243000 may be 243K, 243,000 or 0.243M."""
    forms = [re.escape(f"{number:g}") + ("0*" if "." in f"{number:g}" else r"(?:\.0+)?")]
    if abs(number) >= 1000:
        forms += [
            str(number),
            f"{number:,}",
            re.escape(f"{number / 1e3:g}") + "K",
            re.escape(f"{number / 1e6:g}") + "M",
        ]
    return rf"(?<![\d.])(?:{'|'.join(forms)})(?!\d|\.\d)"


def printed(paper, row):
    """Whether one line of the paper holds the numbers of a row, in their order."""
    wanted = re.compile(".*?".join(map(pattern, row)))
    return any(wanted.search(line) for line in lines(paper))


@pytest.mark.parametrize("name", published_tables())
def test_tables_are_complete(name):
    table = published_tables()[name]
    assert set(table) == {"source", "unit", "columns", "rows"}
    assert all(len(row) == len(table["columns"]) for row in table["rows"].values())
    assert isinstance(table["unit"], str) or len(table["unit"]) == len(table["columns"])


@pytest.mark.parametrize("paper", TOTALS)
def test_no_table_and_no_number_is_lost(paper):
    tables = [name for name in published_tables() if paper_of(name) == paper]
    assert (len(tables), sum(len(row) for name in tables for row in numbers(name))) == TOTALS[paper]


def test_spot_values():
    assert published("Table 6", "TransHand, RenderIH pretraining", "MPJPE") == 9.64
    assert published("Table 6", "InterShape", "MPJPE") is None
    assert published("Table 7", "RenderIH", "Tzionas SMPJPE") == 28.70
    assert published("InterNet Table 4", "Train (H+M)", "Test (H+M) IH") == 16.02
    assert published("InterShape Table 2", "full model", "AUC 0-50 mm") == 0.754
    assert published("Gap Table 4", "(v) all", "SynFrei") == 1.02


def test_joint_limits_are_those_that_the_hand_uses():
    for finger, (*root, middle_min, middle_max, end_min, end_max) in published_tables()["Table 2"][
        "rows"
    ].items():
        limits = TABLE_2[finger]
        assert [*limits["root"]["bend"], *limits["root"]["splay"]] == root
        assert (limits["middle"]["bend"], limits["end"]["bend"]) == (
            (middle_min, middle_max),
            (end_min, end_max),
        )


def test_frames_of_interhand_add_up():
    for _, single, interacting, both in published_tables()["InterNet Table 2"]["rows"].values():
        assert abs(single + interacting - both) <= 1000  # each is rounded to a thousand


def test_the_same_number_in_two_tables_is_the_same():
    assert published("Table 4", "Baseline + CE", "MPJPE") == published(
        "Table 5", "TransHand", "trained on InterHand2.6M"
    )
    for row in ("InterNet", "DIGIT"):
        assert published("Table 5", row, "trained on InterHand2.6M") == published(
            "Table 6", f"{row}*", "MPJPE"
        )
    for ours, theirs in (("(i) without arm", "without arm"), ("(iii) without object", "without object")):
        assert published("Gap Table 4", ours, "SynFrei") == published("Gap Table E", theirs, "PA-MPJPE")


def test_changes_and_shares_follow_from_their_numbers():
    table = published_tables()["Gap Table E"]["rows"]
    for aligned, change, percent, error, more, more_percent in list(table.values())[1:]:
        for value, delta, share, best in (
            (aligned, change, percent, 1.02),
            (error, more, more_percent, 1.99),
        ):
            assert value is None or value + delta == pytest.approx(best)
            assert abs(100 * delta / best - share) < 1
    for row in published_tables()["Gap Table 2"]["rows"].values():
        assert row[0] is None or abs(100 * row[0] / row[2] - row[4]) < 1


@needs_papers
@pytest.mark.parametrize("name", published_tables())
def test_every_row_is_printed_in_its_paper(name):
    assert not [row for row in numbers(name) if row and not printed(paper_of(name), row)]


@needs_papers
def test_a_wrong_number_would_be_found():
    assert printed("", [47.81, 48.19, 35.61, 34.01]) and not printed("", [47.81, 48.91, 35.61, 34.01])
    assert printed("", [6.1, 10.3]) and not printed("", [6.1, 10.33]) and not printed("", [0.1, 10.3])
    assert printed("InterNet", [142000, 386000]) and not printed("InterNet", [42000, 386000])


@needs_papers
@pytest.mark.parametrize("paper", ["", "InterNet", "InterShape"])
def test_every_number_of_the_papers_tables_is_here(paper):
    """Tables are the lines with tabs in these three texts; datasets with numbers in their names are no numbers."""
    here = {
        number
        for name in published_tables()
        if paper_of(name) == paper
        for row in numbers(name)
        for number in row
    }
    rows = [
        re.sub(r"\w*2\.[26]M|2\.5D", lambda m: "" if m[0] != "2.6M" else m[0], line)
        for line in lines(paper)
        if "\t" in line
    ]
    found = [
        match for row in rows for match in re.findall(r"(?<![\d.\w])(\d+\.\d+|\d+(?=[KM]\b))([KM]?)", row)
    ]
    assert len(found) > 15
    scale = {"": 1, "K": 1_000, "M": 1_000_000}
    missing = {number + unit for number, unit in found if round(float(number) * scale[unit], 4) not in here}
    assert not missing
