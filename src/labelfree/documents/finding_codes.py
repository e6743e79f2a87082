"""The codes of findings in the order in which they are explained: severity, what they say, what they mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "note"]
"""error: the data are broken, or the numbers mean something else; warning: may mislead; note: good to know."""


@dataclass(frozen=True)
class Code:
    """One code: its severity, a sentence without numbers, what it means; refused: other commands refuse such data."""

    code: str
    severity: Severity
    sentence: str
    meaning: str
    refused: bool = False


_ALL = (
    Code("ragged", "error", "rows differ in length",
        "A row holds more or fewer numbers than the others, so the rows are no matrix. Every command that "
        "measures refuses them. Pool or remove those rows.", refused=True),
    Code("null", "error", "rows are null, or hold a null",
        "A row is missing, or one of its numbers is. Commands that measure refuse them unless told to leave them "
        "out.", refused=True),
    Code("nonfinite", "error", "rows hold NaN or infinity",
        "Usually an overflow in the model, or a division by zero. Commands that measure refuse them unless told "
        "to leave them out.", refused=True),
    Code("no_id", "error", "rows have no id",
        "The column that identifies rows is empty there, so those rows cannot be found again in another data set.",
        refused=True),
    Code("overflow", "warning", "rows are too large to be squared",
        "Their squares are beyond float64. Divide all embeddings by one constant first."),
    Code("underflow", "warning", "rows are too small to be squared",
        "Their squares vanish in float64. Multiply all embeddings by one constant first."),
    Code("zero", "warning", "rows are zeros alone",
        "They have no direction: cosines leave them out, and separability and opis refuse them. An encoder that "
        "returns nothing for an item is a bug more often than not.", refused=True),
    Code("repeated_id", "error", "ids repeat",
        "Two rows carry one id, so that a difference between checkpoints cannot be of the same rows.", refused=True),
    Code("duplicate", "warning", "rows repeat another row exactly",
        "Repeated rows add no direction and make distances of zero; many of them look like tight clusters."),
    Code("epochs", "warning", "several epochs stand in one data set",
        "The file has a column of epochs and all of them were measured as one set of rows."),
    Code("mixed_spaces", "warning", "rows of two spaces stand in one data set",
        "Some rows share no directions with the others: which directions carry much and which carry little is alike "
        "in all topics of one model, and by chance in two. Or rows of length 1 stand among rows of other lengths. "
        "A re-index that stopped half way looks like that. No search finds rows of one part from the other: embed "
        "all with one model. Only `doctor` looks; another pooling, a tuned copy or few scattered rows it does not "
        "see, so that its silence proves nothing."),
    Code("no_sample", "note", "the summary holds no sampled rows",
        "Sums alone give values and no intervals; metrics that compare rows with each other are undefined. Summarize "
        "the rows with a sample, which then lie in the file."),
    Code("narrow_cone", "warning", "the mean row holds most of the energy",
        "All rows point about the same way. That is common in healthy language models and also what a collapse "
        "looks like: ranks about the origin describe the offset, those about the mean (rankme_centered) the rest."),
    Code("few_rows", "warning", "few rows for the number of columns",
        "With few rows per column a rank is low for want of rows. Values are comparable at equal n only; ten rows "
        "per column are plenty."),
    Code("outlier", "warning", "one row is far longer than the others",
        "A few long rows decide the largest singular values, and with them every rank."),
    Code("constant", "warning", "columns never change",
        "Dead units: these columns hold one value in every row."),
    Code("collapsed", "error", "all rows are equal",
        "The encoder gives one answer whatever it is asked, or one row was copied. There is nothing to measure."),
    Code("storage", "note", "directions lie at the rounding of the stored numbers",
        "float16 and bfloat16 round; in those directions there is nothing but rounding, which lifts every rank."),
    Code("head_mismatch", "warning", "the embeddings are not what the head was applied to",
        "Embeddings times the head do not give the logits: something lies between them, or the head is of another "
        "checkpoint."),
    Code("audit", "note", "target labels were used",
        "The label column was read for the true accuracy beside the estimates, and for nothing else."),
    Code("not_frozen", "warning", "no groups were frozen",
        "The file of groups was asked for, and there were none to write."),
    Code("no_ids", "warning", "rows are compared by position",
        "Without ids two candidates are taken to list the same rows in the same order. A column of ids makes "
        "sure."),
    Code("left_out", "warning", "rows were left out",
        "Bad rows, which the options said to leave out; every number is of the others."),
    Code("model_run", "note", "the run of the model left something to know",
        "Said by the run of the checkpoint: what was cut, halved or not there."),
    Code("broken_rows", "error", "weights hold NaN or infinity",
        "What these rows feed is broken."),
    Code("dead_rows", "warning", "rows of weights are zeros alone",
        "Dead outputs, padding, or pruned."),
    Code("equal_rows", "warning", "rows of weights are equal",
        "A row repeats an earlier one of the same layer."),
    Code("missing_layers", "note", "some layers have no value",
        "The median is of the layers that have one."),
    Code("no_interval", "note", "no interval is given",
        "On data like these no interval was found that holds what a 95 % interval promises. The value stands, how "
        "sure it is remains unknown. More rows help most often."),
    Code("part_of_rows", "note", "some of the rows were read",
        "Whole row groups, chosen by the seed, stand for the data set. They are what was drawn, not rows: where an "
        "interval is given it was measured to hold the value of all rows, also of sorted files."),
    Code("clustered", "note", "no interval is given, since some of the rows were read",
        "Rows of one row group are often alike, so that an interval from single rows would be too narrow. Read "
        "more row groups, or all rows, where the interval decides."),
    Code("wide_interval", "note", "the interval can be too wide",
        "With fewer than two rows per column the error was measured to be overstated at times."),
    Code("possible_collapse", "error", "the score may be that of a collapse",
        "Collapsed rows score high without being separable: look at the rank and the mean cosine first."),
    Code("no_direction", "note", "rows without a direction were left out",
        "Scaling such a row would divide by zero."),
    Code("steep_tail", "warning", "few rows steepen the spectrum",
        "Sampling alone makes small eigenvalues smaller. Compare at equal n."),
    Code("uneven_views", "warning", "groups differ in size",
        "Noise scales with the number of views of an item: compare at equal counts."),
    Code("hidden_directions", "note", "small directions cannot be seen",
        "A summary of the rows hides singular values below 1e-7 of the largest; what is there is not counted."),
    Code("near_chance", "warning", "the model tells hardly anything apart",
        "A model that confuses everything treats all groups alike, so that OPIS is low without being good."),
    Code("small_groups", "warning", "groups are small",
        "With few rows each, chance alone makes groups differ, which raises OPIS."),
    Code("circular", "warning", "the groups were made from the distances that they judge",
        "Clusters are tight in the space that made them. Take crossfit, or groups from another space."),
    Code("unstable_groups", "warning", "the pseudo-groups are unstable",
        "Clusterings with other seeds find other groups: the number is of groups that may not exist."),
    Code("own_dimensions", "note", "the groups were made in half of these dimensions",
        "Other checkpoints are judged on the same groups without that help."),
    Code("no_groups", "warning", "there is no evidence of groups",
        "Rows without any structure reach the same utility."),
    Code("crowded_classes", "note", "more classes than directions",
        "So many directions cannot have equal angles: 0 cannot be reached."),
    Code("one_logit", "note", "a head of one logit says nothing here",
        "It stands for two opposite rows, whose angle is always the same."),
    Code("repeated_points", "warning", "drawn rows repeat another row",
        "Distances of zero push the Hopkins statistic towards 1."),
    Code("far_rows", "warning", "a few far rows decide the box",
        "The Hopkins statistic compares with points in the box of the rows; far rows make it large and the "
        "statistic high."),
    Code("not_converged", "warning", "a classifier did not converge",
        "The accuracy of that fold is a lower bound."),
    Code("near_switch", "note", "the normalization is about to change",
        "MaNo takes one of two formulas by a criterion that is near its limit: compare parts of both."),
    Code("equal_scores", "note", "source scores are equal",
        "Several source rows lie at the threshold, so that it does not leave out exactly the errors."),
    Code("few_errors", "warning", "few source rows are errors",
        "They alone fix the threshold of the estimate."),
    Code("one_cluster", "warning", "nearly every row is a neighbor of every other",
        "One giant cluster: the known failure of this metric."),
    Code("absent_classes", "note", "classes are never predicted",
        "Their clusters start at the origin."),
    Code("few_rows_distance", "warning", "few rows for a distance",
        "Sampling alone raises a distance between covariances of so many columns."),
    Code("negative_scores", "warning", "the mean score is not above 0",
        "A spread relative to it means nothing there."),
    Code("missing_scores", "warning", "scores are undefined",
        "Windows that hold one have no spread."),
    Code("not_comparable", "error", "the sources are not comparable",
        "They differ in something that moves the numbers by itself: rows, columns or classes. A difference "
        "between them is not one of the models."),
    Code("mixed_dtypes", "warning", "the sources are stored with different precision",
        "Rounding alone can move ranks between them. Store all as float32."),
    Code("identical_candidates", "warning", "candidates are the same",
        "They predict the same on every row, or have the same neighbors: nothing measured on these rows can tell them "
        "apart. Perhaps one file was given twice."),
    Code("unbalanced_consensus", "warning", "predicted classes differ in size",
        "Mutual information is larger where classes are equal, so a choice by it is less sure here. Give the shares of "
        "the classes where they are known, or label some rows."),
    Code("outside_envelope", "warning", "the choice was not measured on such data",
        "The rule that chooses was measured on so many rows, classes and candidates: docs/evidence/select.md. Beyond "
        "that its errors are not known."),
    Code("constant_predictions", "warning", "a candidate predicts one class in every row",
        "Its class scores tell nothing apart, so that it cannot be chosen. A collapsed classifier looks like that."),
    Code("other_order", "warning", "rows may be in another order",
        "Without ids rows are joined by position, and here the rows of a candidate have the neighbors of no other: "
        "another order, or a model that says nothing of them. A column of ids makes sure."),
    Code("other_rows", "warning", "rows that only one source holds were left out",
        "Two sources were compared on the rows that both hold, as was asked for. What became of the others is not "
        "known."),
    Code("shared_direction", "warning", "one strong direction makes two representations alike",
        "Whatever else two representations hold, one direction with much of the variance that both share gives a high "
        "CKA. Without it they have less in common."),
    Code("mixed_rows", "warning", "alike as a whole, with other neighbors",
        "Rows that were shuffled inside their clusters look like that: the clusters agree, and no row has its old "
        "neighbors. A wrong join is the most common cause."),
    Code("offset", "note", "an offset changes the neighbors",
        "A cosine is taken about the origin. Where two representations differ by an offset, or by its size, their rows "
        "have other neighbors by cosine than about their means."),
    Code("some_sources", "warning", "only some candidates have source rows",
        "Labelled source rows are used where every candidate has its own embeddings of them, and else not at all."),
    Code("shares_not_used", "warning", "class shares were not used",
        "They were read and checked, and the version of the rule that chooses takes none into account."),
    Code("labels_left_out", "warning", "labels of other rows were not used",
        "Candidates are compared on a sample of the rows, and these labels are of rows beside it."),
    Code("open_labels", "note", "rows of the file have no label yet",
        "The labelled ones stand for them, which is right where chance decided which were labelled first."),
    Code("odd_weights", "warning", "the weights of the labels do not fit the rows",
        "A weight says how many rows a labelled one stands for. Rows that were removed from the file, or labels of "
        "another choice, make them wrong, and with them every difference."),
    Code("few_reference_rows", "warning", "few reference rows say what is usual",
        "The limit beyond which rows count as unusual rests on so few rows of the reference that it is itself off by "
        "chance. Half of the sampled reference rows set it: 1,000 of them are enough."),
    Code("shared_rows", "warning", "rows stand on both sides",
        "The same vectors are among the current rows and in the reference: training data in production, a cache, or "
        "one file given twice. They make drift look smaller."),
    Code("other_space", "warning", "current rows may be of another space",
        "They lie no nearer to rows of the reference than if they were turned at random, which the reference's own "
        "rows do not. Another model, another version or another pooling looks like that; so may a drift of everything. "
        "Make sure that one model wrote both."),
    Code("left_constant", "warning", "columns that never changed in the reference have changed",
        "A column with one value in the whole reference holds others now. No distance in units of the reference's "
        "spread can say how far that is."),
    Code("not_singled_out", "note", "too few reference rows to single out rows",
        "How unusual a row is cannot be told more finely than one in the number of reference rows that calibrate it. "
        "Among so many current rows that is not enough to name single ones; their share stands."),
    Code("looks_used_up", "warning", "more looks were taken than were stated",
        "The chance of a false alarm was shared among the looks that were stated. Beyond them it is no longer bounded: "
        "begin another run, or state more."),
    Code("partial", "warning", "a metric is partial",
        "The value exists, and a condition of its definition is not met: the reason stands beside it. Do not rank "
        "by it."),
    Code("undefined", "warning", "a metric is undefined",
        "There is no value on these data, for the reason beside it. Never 0, 1 or NaN in its place."),
    Code("no_error", "warning", "a drop was compared without an error",
        "One of two reports has no standard error of this metric, so that the gate compares the numbers as they are "
        "and cannot say whether the drop is noise."),
    Code("unpaired", "note", "two reports share no subsamples",
        "The noise of a drop was taken from both standard errors. On the same rows, measured in the same way, it is "
        "smaller."),
    Code("checks_left_out", "warning", "earlier checks have no value",
        "The plateau was judged by the checks that have one."),
    Code("past_plan", "warning", "the run is longer than it was planned",
        "The rule of the plateau shares its error among the checks that were named; beyond them nothing is "
        "promised."),
    Code("unnamed", "warning", "a warning of an earlier version",
        "Written by a version whose warnings had no codes."),
)  # fmt: skip
CODES = {one.code: one for one in _ALL}
"""Every finding by its code."""
