from matplotlib import pyplot as plt

from renderih_lib.nets.figures import network_sketch


def words(figure):
    return [text.get_text() for text in figure.axes[0].texts]


def test_the_sketch_names_each_feature_and_level():
    figure = network_sketch((63, 126, 252), 778)
    assert {"$F_1$", "$F_2$", "$F_3$", "$R_F$", "$L_F$", "right\n778", "left\n778"} <= set(words(figure))
    assert [word for word in words(figure) if word.startswith("block")] == [
        "block 1: 63 vertices",
        "block 2: 126 vertices",
        "block 3: 252 vertices",
    ]
    plt.close(figure)


def test_without_lateral_connection_two_arrows_of_each_block_are_missing():
    whole, without = network_sketch((63, 126), 778), network_sketch((63, 126), 778, lateral=False)
    assert len(words(whole)) - len(words(without)) == 2 * 2
    plt.close("all")
