"""The rating page saves every answer and goes on where a rater stopped; rates and intervals are right."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binomtest

from renderih_lib.pose import ratings
from renderih_lib.pose.ratings import (
    ANSWERS,
    COLUMNS,
    KINDS,
    Picture,
    RatingPage,
    natural_rates,
    rating_order,
    read_ratings,
    wilson_interval,
)


@pytest.fixture
def pictures():
    return [Picture(KINDS[i % 4], f"picture {i}".encode()) for i in range(12)]


@pytest.fixture
def clock():
    ticks = iter(range(0, 1000, 2))
    return lambda: next(ticks)


def rated(page, rater, answers):
    """Types a name and clicks, as a person would."""
    page.name.value = rater
    page.begin.click()
    for answer in answers:
        page.buttons[ANSWERS.index(answer)].click()


def test_clicks_are_saved_at_once_with_what_was_shown(pictures, tmp_path, clock):
    page = RatingPage(pictures, tmp_path / "answers.csv", 0, clock)
    rated(page, "Ann", [])
    for count in range(1, 13):
        shown = page.image.value
        page.buttons[count % 2].click()
        saved = read_ratings(page.path).iloc[-1]
        picture = next(p for p in pictures if p.png == shown)
        assert len(read_ratings(page.path)) == count == saved.order
        assert (saved.picture, saved.kind, saved.answer) == (picture.id, picture.kind, ANSWERS[count % 2])
        assert saved.rater == "Ann" and saved.seconds == 2
    page.buttons[0].click()  # a second click on the last picture
    assert len(read_ratings(page.path)) == 12
    assert page.rating.layout.display == "none" and "Thank you" in page.message.value
    assert tuple(read_ratings(page.path).columns) == COLUMNS


def test_the_page_is_blind(pictures, tmp_path):
    page = RatingPage(pictures, tmp_path / "answers.csv", 0)
    rated(page, "Ann", [])
    texts = [page.message.value, page.progress.description, *(b.description for b in page.buttons)]
    shown = page.queue[0][1]
    assert not any(word in text for text in texts for word in (shown.kind, shown.id))
    assert not any(kind in shown.id for kind in KINDS)


def test_order_is_random_per_rater_and_the_same_however_pictures_are_listed(pictures):
    ann, bob = (rating_order(pictures, name, 0) for name in ("Ann", "Bob"))
    assert ann != bob and ann != rating_order(pictures, "Ann", 1)
    assert ann == rating_order(pictures[::-1], "Ann", 0)
    assert {p.id for p in ann} == {p.id for p in pictures}


def test_a_rater_goes_on_where_they_stopped_and_another_starts_afresh(pictures, tmp_path):
    path = tmp_path / "answers.csv"
    rated(RatingPage(pictures, path, 0), "Ann", ["natural"] * 5)
    page = RatingPage(pictures, path, 0)
    rated(page, "Bob", ["not natural"] * 2)
    again = RatingPage(pictures, path, 0)
    rated(again, "Ann", [])
    assert (again.progress.value, again.queue[0][0]) == (5, 6)
    rated(again, "Ann", ["natural"] * 7)
    saved = read_ratings(path)
    assert saved.rater.value_counts().to_dict() == {"Ann": 12, "Bob": 2}
    assert saved[saved.rater == "Ann"].order.to_list() == list(range(1, 13))


def test_a_line_that_a_crash_cut_short_is_rated_again(pictures, tmp_path):
    path = tmp_path / "answers.csv"
    rated(RatingPage(pictures, path, 0), "Ann", ["natural"] * 3)
    for cut in range(1, 30, 7):
        whole = path.read_bytes()
        path.write_bytes(whole[:-cut])
        page = RatingPage(pictures, path, 0)
        rated(page, "Ann", ["natural"])
        assert path.read_bytes().split(b"\n")[-2].startswith(b"Ann,")
        assert read_ratings(path).order.is_unique


def test_a_file_that_ends_anywhere_can_be_resumed(pictures, tmp_path):
    path, pictures = tmp_path / "answers.csv", pictures[:3]
    rated(RatingPage(pictures, path, 0), "Ann", ["natural", "not natural"])
    whole = path.read_bytes()
    for length in range(0, len(whole), 3):
        path.write_bytes(whole[:length])
        page = RatingPage(pictures, path, 0)
        page.start("Ann")
        for _ in page.queue[:]:
            page.buttons[0].click()
        assert len(read_ratings(path)) == 3


def test_answers_to_other_pictures_and_empty_names_are_refused_on_the_page(pictures, tmp_path):
    path = tmp_path / "answers.csv"
    rated(RatingPage(pictures, path, 0), "Ann", ["natural"])
    others = RatingPage([Picture("raw", b"another")], path, 0)
    rated(others, "Ann", [])
    assert "answers of 'Ann' to other pictures" in others.message.value and not others.queue
    rated(others, " ", [])
    assert "rater is empty" in others.message.value


def test_pictures_must_be_of_known_kinds_and_differ(tmp_path):
    with pytest.raises(ValueError, match="kind must be one of"):
        RatingPage([Picture("odd", b"1")], tmp_path / "a.csv", 0)
    with pytest.raises(ValueError, match="same picture twice"):
        RatingPage([Picture("raw", b"1"), Picture("raw", b"1")], tmp_path / "a.csv", 0)


def made(rates, raters, pictures=30, seed=0):
    """Answers with exactly these shares, the same for every rater."""
    rng = np.random.default_rng(seed)
    rows = []
    for rater in range(raters):
        order = 0
        for kind, rate in rates.items():
            natural = rng.permutation(pictures) < round(rate * pictures)
            for i, yes in enumerate(natural):
                order += 1
                rows.append((f"r{rater}", f"{kind}{i}", kind, order, ANSWERS[0 if yes else 1], 1.5))
    return pd.DataFrame(rows, columns=COLUMNS)


def test_rates_of_a_made_study_are_the_ones_it_was_made_with(tmp_path):
    wanted = {"raw": 0.9, "with_d": 0.8, "without_d": 0.5, "augmented": 0.3}
    answers = made(wanted, raters=20)
    answers.to_csv(tmp_path / "answers.csv", index=False)
    rates = natural_rates(tmp_path / "answers.csv")
    assert rates.rate.to_dict() == pytest.approx(wanted)
    assert list(rates.index) == list(KINDS)
    assert (rates.n == 600).all() and (rates.raters == 20).all() and (rates.pictures == 30).all()
    assert ((rates.low < rates.rate) & (rates.rate < rates.high)).all()
    pd.testing.assert_frame_equal(rates, natural_rates(answers.sample(frac=1, random_state=1)))


@pytest.mark.parametrize("natural", [0, 1, 7, 29, 30])
def test_one_rater_gets_the_interval_of_wilson(natural):
    rates = natural_rates(made({"raw": natural / 30}, raters=1))
    expected = binomtest(natural, 30).proportion_ci(method="wilson")
    assert rates.low["raw"] == pytest.approx(expected.low, abs=1e-4)
    assert rates.high["raw"] == pytest.approx(expected.high, abs=1e-4)


def test_raters_who_disagree_widen_the_interval():
    agree = made({"raw": 0.5}, raters=10)
    split = agree.assign(answer=[ANSWERS[int(r[1:]) % 2] for r in agree.rater])
    widths = [(t.high - t.low)["raw"] for t in (natural_rates(agree), natural_rates(split))]
    assert widths[1] > 1.5 * widths[0]


def test_pictures_that_differ_widen_the_interval_beyond_that_of_independent_answers():
    answers = made({"raw": 0.5}, raters=20)
    by_picture = answers.assign(answer=[ANSWERS[int(p[3:]) % 2] for p in answers.picture])
    rates = natural_rates(by_picture)
    low, high = wilson_interval(0.5, len(answers))
    assert (rates.high - rates.low)["raw"] > 2 * (high - low)


def test_unanimous_raters_are_not_taken_for_certainty():
    rates = natural_rates(made({"raw": 1.0}, raters=5))
    assert rates.high["raw"] == 1 and rates.low["raw"] == pytest.approx(wilson_interval(1.0, 5)[0])


def test_a_rater_who_stopped_early_counts_with_what_they_answered():
    answers = made({"raw": 0.5, "augmented": 0.2}, raters=4)
    early = answers[(answers.rater != "r0") | (answers.order <= 10)]
    rates = natural_rates(early)
    assert rates.n.to_dict() == {"raw": 100, "augmented": 90}
    assert rates.rate["raw"] == pytest.approx((early[early.kind == "raw"].answer == "natural").mean())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: f.drop(columns="kind"), "lacks the columns kind"),
        (lambda f: f.replace({"answer": {"natural": "yes"}}), "answer is 'yes', not one of natural"),
        (lambda f: f.assign(kind="odd"), "line 2: kind is 'odd'"),
        (lambda f: pd.concat([f, f.iloc[:1]]), "line 32: 'r0' rated picture raw0 twice"),
        (lambda f: f.assign(picture="p", rater=[str(i) for i in range(30)], kind=["raw", "with_d"] * 15), "p has more"),
        (lambda f: f[:0], "there are no answers"),
    ],
)  # fmt: skip
def test_malformed_answers_are_named(change, message, tmp_path):
    path = tmp_path / "answers.csv"
    change(made({"raw": 0.5}, raters=1)).to_csv(path, index=False)
    with pytest.raises(ValueError, match=message):
        natural_rates(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"a,b\n1,2,3,4\n"])
def test_what_is_no_csv_is_named(content, tmp_path):
    path = tmp_path / "answers.csv"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"answers\.csv is no file of answers|lacks the columns"):
        read_ratings(path)


def test_rater_names_survive_the_file(pictures, tmp_path):
    path = tmp_path / "answers.csv"
    for name in ("007", "Ann, the second", 'Zoë "Z"', "NA"):
        rated(RatingPage(pictures, path, 0), name, ["natural"])
    assert set(read_ratings(path).rater) == {"007", "Ann, the second", 'Zoë "Z"', "NA"}
    assert ratings._answered(path, "007") and not ratings._answered(path, "7")
