import keras
import numpy as np
import pytest

from keras_attention import load
from keras_attention._validation import InputError
from keras_attention.models import RNNTranslator, TransformerTranslator
from keras_attention.tasks.translation.text_translator import keras_translator
from keras_attention.training import translation_scores
from keras_attention.visualization import (
    AttentionMap,
    attention_of_sentence,
    bleu_by_length,
    merge_words,
    plot_attention,
    plot_lengths,
    save_attention_plot,
    save_length_plot,
    word_spans,
)
from tests.tasks.small_translator import tokenizer

TEXT = "The meeting ends at half past seven."


@pytest.fixture(scope="module")
def translator(run_directory):
    return load(run_directory)


def recurrent_translator(preset):
    """An untrained one."""
    keras.utils.set_random_seed(0)
    model = RNNTranslator.from_preset(
        preset,
        vocabulary_size=tokenizer().target.vocabulary_size,
        units=8,
        embedding_dim=8,
        max_sequence_length=12,
    )
    return keras_translator(model, tokenizer())


def test_words_from_pieces():
    pieces = ["<start>", "\u2581drei", "hundert", "\u2581Uhr", ".", "<end>"]
    spans = [slice(0, 1), slice(1, 3), slice(3, 5), slice(5, 6)]
    assert word_spans(pieces) == spans


def test_rows_are_averaged_and_columns_summed():
    weights = np.array([[0.1, 0.2, 0.7], [0.5, 0.1, 0.4]])
    merged, rows, columns = merge_words(weights, ["\u2581a", "b"], ["\u2581c", "d", "\u2581e"])
    np.testing.assert_allclose(merged, [[0.45, 0.55]])
    assert (rows, columns) == (["ab"], ["cd", "e"])


@pytest.mark.parametrize("kind", ["cross", "encoder", "decoder"])
@pytest.mark.parametrize("head", [None, 1])
def test_every_row_of_a_real_models_attention_sums_to_one(translator, kind, head):
    attention = attention_of_sentence(translator, TEXT, kind=kind, layer=1, head=head)
    assert attention.weights.shape == (len(attention.rows), len(attention.columns))
    np.testing.assert_allclose(attention.weights.sum(1), 1, atol=1e-5)
    words = [*TEXT.split(), "<end>"]
    if kind in ("cross", "encoder"):
        assert attention.columns == words
    else:
        assert attention.rows == attention.columns
        assert attention.rows[0] == "<start>"
        assert attention.weights[0, 0] == pytest.approx(1)  # START sees itself alone
    assert "layer 1" in attention.title
    assert ("head 1" if head else "mean of heads") in attention.title


def test_what_does_not_exist_is_refused(translator):
    with pytest.raises(InputError, match="Unknown kind 'self'; expected one of cross, encoder"):
        attention_of_sentence(translator, TEXT, kind="self")
    with pytest.raises(InputError, match="There is no head 4; the model has heads 0 to 3"):
        attention_of_sentence(translator, TEXT, head=4)
    with pytest.raises(InputError, match="The text to plot is empty"):
        attention_of_sentence(translator, "")


def test_the_last_layer_but_one_is_the_default():
    keras.utils.set_random_seed(0)
    size = tokenizer().target.vocabulary_size
    model = TransformerTranslator.from_preset("tiny", vocabulary_size=size)
    translator = keras_translator(model, tokenizer())
    default = attention_of_sentence(translator, TEXT)
    third = attention_of_sentence(translator, TEXT, layer=2)  # of four
    np.testing.assert_array_equal(default.weights, third.weights)
    assert default.title == third.title == "encoder-decoder attention, layer 2, mean of heads"


def test_a_recurrent_models_attention():
    translator = recurrent_translator("small")
    text = "three hundred"
    attention = attention_of_sentence(translator, text)
    assert attention.columns == [*text.split(), "<end>"]
    assert attention.weights.shape == (len(attention.rows), 3)
    np.testing.assert_allclose(attention.weights.sum(1), 1, atol=1e-5)
    assert attention.weights.std() > 0
    assert attention.title == "encoder-decoder attention"  # no layers or heads to choose from
    same = attention_of_sentence(translator, text, layer=0, head=0)
    np.testing.assert_array_equal(same.weights, attention.weights)
    for name in ("layer", "head"):
        with pytest.raises(InputError, match=f"no {name} 1; the model has {name} 0 only."):
            attention_of_sentence(translator, text, **{name: 1})
    for kind in ("encoder", "decoder"):
        with pytest.raises(InputError, match=f"no {kind} attention; it has only cross."):
            attention_of_sentence(translator, text, kind=kind)


@pytest.mark.parametrize("kind", ["cross", "encoder"])
def test_a_model_without_attention_is_refused(kind):
    with pytest.raises(InputError, match="^The model has no attention.$"):
        attention_of_sentence(recurrent_translator("small-fixed"), "three hundred", kind=kind)


def test_the_heatmap_shows_the_weights_and_every_word():
    weights = np.array([[0.9, 0.1, 0.0], [0.2, 0.3, 0.5]])
    attention = AttentionMap(
        weights, ["das", "Haus"], ["the", "red", "house"], "t", "target", "source"
    )
    figure = plot_attention(attention)
    axes = figure.axes[0]
    np.testing.assert_array_equal(axes.images[0].get_array(), weights)
    assert [label.get_text() for label in axes.get_xticklabels()] == attention.columns
    assert [label.get_text() for label in axes.get_yticklabels()] == attention.rows


def of_words(rows, columns, title="t"):
    """An attention in which the target words look at the source words in turn."""
    weights = np.eye(len(columns))[np.arange(len(rows)) % len(columns)]
    return AttentionMap(weights, rows, columns, title, "target", "source")


def words(labels):
    return [label.get_text() for label in labels]


def test_several_sentences_get_a_panel_each():
    attentions = [
        of_words(["das", "Haus"], ["the", "house"]),
        of_words(["ein", "$5$", "<end>"], ["a", "b", "c", "d"]),
        of_words(["ja"], ["yes", "<end>"]),
    ]
    figure = plot_attention(attentions)
    *panels, color_bar = figure.axes
    assert color_bar.get_ylabel() == "attention weight"
    assert [panel.get_title() for panel in panels] == ["(a)", "(b)", "(c)"]
    assert figure.get_suptitle() == "t"
    for panel, attention in zip(panels, attentions, strict=True):
        np.testing.assert_array_equal(panel.images[0].get_array(), attention.weights)
        assert panel.images[0].get_clim() == (0, 1)  # what the one colour bar says
        assert words(panel.get_xticklabels()) == attention.columns
        assert words(panel.get_yticklabels()) == attention.rows
        assert (panel.get_xlabel(), panel.get_ylabel()) == ("source", "target")
    figure.canvas.draw()
    boxes = [panel.get_position() for panel in panels]
    assert boxes[0].y1 == pytest.approx(boxes[1].y1)  # one height
    assert boxes[0].x1 < boxes[1].x0  # two side by side, the third below
    assert boxes[2].y1 < boxes[0].y0
    assert boxes[2].x1 < boxes[1].x0


def test_panels_of_different_titles_show_their_own():
    rows, columns = ["das"], ["the"]
    figure = plot_attention([of_words(rows, columns, f"cross, head {i}") for i in range(2)])
    titles = [panel.get_title() for panel in figure.axes[:2]]
    assert titles == ["(a) cross,\nhead 0", "(b) cross,\nhead 1"]
    assert figure.get_suptitle() == ""


def inside(figure, texts):
    """Whether all of `texts` can be seen, none of them on another."""
    renderer = figure.canvas.get_renderer()
    boxes = [text.get_window_extent(renderer) for text in texts]
    page = figure.bbox
    whole = all(
        box.x0 >= page.x0 and box.x1 <= page.x1 and box.y0 >= page.y0 and box.y1 <= page.y1
        for box in boxes
    )
    return whole and not any(a.overlaps(b) for a, b in zip(boxes, boxes[1:], strict=False))


LONG_TITLE = "encoder-decoder attention, layer 2, mean of heads"


def check_page(attentions):
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    figure = plot_attention(attentions)
    FigureCanvasAgg(figure).draw()
    panels = figure.axes[: len(attentions)]
    assert inside(figure, figure.texts)  # the title of all
    assert inside(figure, [panel.title for panel in panels])
    for panel in panels:
        assert inside(figure, panel.get_yticklabels())
        assert inside(figure, [panel.get_xticklabels()[-1], panel.xaxis.label])


@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("same_title", [True, False])
def test_every_word_and_title_is_on_the_page(count, same_title):
    attentions = [
        of_words(
            [["Donaudampfschifffahrtsgesellschaft", *"bcdefghi"], ["b", "c"]][i % 2],
            ["supercalifragilistic", "x", "y"][: 1 + i],
            LONG_TITLE if same_title else f"{LONG_TITLE} {i}",
        )
        for i in range(count)
    ]
    check_page(attentions)


def test_a_narrow_picture_has_room_for_its_title_and_a_high_one_for_its_words():
    check_page([of_words(["b"], ["x"], LONG_TITLE)])
    check_page([of_words(["word"] * 30, ["x"], LONG_TITLE)])


def test_no_attention_is_no_picture():
    with pytest.raises(ValueError, match="`attentions` must be at least one"):
        plot_attention([])


def ranges(rows):
    return [(row["lower"], row["upper"], row["sentences"]) for row in rows]


def of_lengths(*lengths):
    """Sources of these lengths, with numbered references of five words."""
    sources = [" ".join(["w"] * length) for length in lengths]
    return sources, [f"this is the sentence {i}" for i in range(len(lengths))]


def test_quarters_from_shortest_to_longest():
    sources, references = of_lengths(8, 1, 7, 2, 6, 3, 5, 4)
    rows = bleu_by_length(references, sources, references)
    assert ranges(rows) == [(1, 2, 2), (3, 4, 2), (5, 6, 2), (7, 8, 2)]
    assert [row["mean_length"] for row in rows] == [1.5, 3.5, 5.5, 7.5]
    assert [row["bleu"] for row in rows] == pytest.approx([100] * 4)
    rows = bleu_by_length(references, sources, references, bins=1)
    assert ranges(rows) == [(1, 8, 8)]


def test_sentences_of_one_length_stay_together():
    # Sorted: 1 2 2 2 | 2 3 4 5: the middle of the twos stands in the first half.
    sources, references = of_lengths(2, 3, 2, 4, 2, 5, 2, 1)
    rows = bleu_by_length(references, sources, references, bins=2)
    assert ranges(rows) == [(1, 2, 5), (3, 5, 3)]
    assert [row["mean_length"] for row in rows] == [9 / 5, 4]
    # Sorted: 1 2 3 | 3 3 3: that of the threes in the second.
    sources, references = of_lengths(3, 3, 1, 3, 2, 3)
    rows = bleu_by_length(references, sources, references, bins=2)
    assert ranges(rows) == [(1, 2, 2), (3, 3, 4)]


@pytest.mark.parametrize(
    ("lengths", "bins", "expected"),
    [
        ((3, 3, 3), 4, [(3, 3, 3)]),
        ((1, 1, 1, 1, 1, 2), 4, [(1, 1, 5), (2, 2, 1)]),
        ((5, 0), 9, [(0, 0, 1), (5, 5, 1)]),
    ],
)
def test_fewer_lengths_than_bins_give_fewer_bins(lengths, bins, expected):
    sources, references = of_lengths(*lengths)
    assert ranges(bleu_by_length(references, sources, references, bins=bins)) == expected


def test_every_sentence_is_in_exactly_one_bin():
    lengths = np.random.default_rng(0).integers(1, 30, size=101).tolist()
    sources, references = of_lengths(*lengths)
    for bins in (1, 2, 4, 7, 200):
        rows = bleu_by_length(references, sources, references, bins=bins)
        assert len(rows) <= bins
        assert all(a["upper"] < b["lower"] for a, b in zip(rows, rows[1:], strict=False))
        found = [sum(row["lower"] <= length <= row["upper"] for row in rows) for length in lengths]
        assert found == [1] * 101
        assert sum(row["sentences"] for row in rows) == 101


def test_a_bins_bleu_is_that_of_its_members():
    sources = ["a b c d", "a", "a  b", "a b c"]
    references = [
        "The house, it is very small.",
        "Two dogs run over the field.",
        "A man is riding a red bicycle.",
        "The women sit on a bench in the sun.",
    ]
    translations = [
        "the house, it is small.",
        "Two dogs run over a field.",
        "a man is riding the red bicycle.",
        "The women sit on a bench.",
    ]
    for options in ({}, {"tokenize": "none"}, {"lowercase": True}):
        short, long = bleu_by_length(translations, sources, references, bins=2, **options)
        for row, members in ((short, [1, 2]), (long, [0, 3])):
            of_members = [[texts[i] for i in members] for texts in (translations, references)]
            expected = translation_scores(*of_members, **options)["bleu"]
            assert 0 < expected < 100
            assert row["bleu"] == pytest.approx(expected)


def test_unusable_arguments_of_bleu_by_length():
    sources, references = of_lengths(1, 2)
    with pytest.raises(ValueError, match="Received: translations=1, sources=2, references=2"):
        bleu_by_length(references[:1], sources, references)
    with pytest.raises(ValueError, match="Received: translations=0"):
        bleu_by_length([], [], [])
    for bins in (0, -1, 2.5):
        with pytest.raises(ValueError, match="`bins` must be a positive integer"):
            bleu_by_length(references, sources, references, bins=bins)
    with pytest.raises(ValueError, match="`tokenize` must be one of"):
        bleu_by_length(references, sources, references, tokenize="foo")


def curve(*points):
    return [
        {"lower": 1, "upper": 9, "sentences": 3, "mean_length": length, "bleu": bleu}
        for length, bleu in points
    ]


def test_a_line_for_each_model():
    curves = {"first": curve((2.5, 30.0), (7.0, 20.0)), "_$b$": curve((2.5, 0.0), (7.0, 10.0))}
    (axes,) = plot_lengths(curves).axes
    for line, rows in zip(axes.get_lines(), curves.values(), strict=True):
        points = [(row["mean_length"], row["bleu"]) for row in rows]
        np.testing.assert_array_equal(line.get_xydata(), points)
    assert len({line.get_marker() for line in axes.get_lines()}) == 2
    assert words(axes.get_legend().get_texts()) == ["first", "_$b$"]
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("source length (words)", "BLEU")
    bottom, top = axes.get_ylim()
    assert bottom == 0
    assert 30 < top < 40
    with pytest.raises(ValueError, match="`curves` must be at least one"):
        plot_lengths({})


def test_a_model_that_gets_nothing_right_can_be_drawn(tmp_path):
    curves = {"bad": curve((3.0, 0.0))}
    assert plot_lengths(curves).axes[0].get_ylim() == pytest.approx((0, 1.1))
    save_length_plot(curves, tmp_path / "a.png")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("save", "content"),
    [
        (save_attention_plot, of_words(["a", "b"], ["c", "d"])),
        (save_attention_plot, [of_words(["a", "b"], ["c", "d"])] * 2),
        (save_length_plot, {"model": curve((1.0, 2.0))}),
    ],
)
def test_a_file_is_not_overwritten_without_force(tmp_path, save, content):
    path = tmp_path / "a.png"
    save(content, path)
    data = path.read_bytes()
    with pytest.raises(InputError, match="already exists"):
        save(content, path)
    save(content, path, force=True)
    assert path.read_bytes() == data


def test_no_label_is_cut_off_beside_a_long_word(tmp_path):
    from matplotlib.image import imread

    rows = ["Das", "Konzert", "zweitausenddreihundertdreiunddreißig,", *["um"] * 11]
    weights = np.full((len(rows), 16), 1 / 16)
    attention = AttentionMap(weights, rows, ["past"] * 16, "attention", "target", "source")
    save_attention_plot(attention, tmp_path / "a.png")
    pixels = imread(tmp_path / "a.png")[..., :3]
    for edge in (pixels[:4], pixels[-4:], pixels[:, :4], pixels[:, -4:]):
        assert (edge == 1).all()
