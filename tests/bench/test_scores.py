import numpy as np

from renderih_lib.bench.scores import evaluation_seconds, noisy_answers
from renderih_lib.train import evaluate


def test_the_time_of_evaluation_is_that_of_every_metric_on_hands_that_touch():
    answers, said, true = noisy_answers(40)
    found = evaluate.summary(evaluate.with_mesh_errors(answers, said, true))
    assert np.isfinite(list(found.values())).all()
    assert {"mpjpe_mm", "pa_mpjpe_mm", "mpvpe_mm", "cdev_mm", "auc"} <= set(found)
    assert 5 < found["mpjpe_mm"] < 15
    assert 0 < evaluation_seconds(40)


def test_noise_depends_on_the_image_and_not_on_the_call():
    one, again, other = (noisy_answers(3, first)[0].predicted for first in (0, 0, 3))
    np.testing.assert_array_equal(one, again)
    assert (one != other).all()
