"""Why a metric has no value, a tensor was not measured, a choice is undecided: every `reason_code` in a sentence.

The only list of them: `labelfree explain` and the glossary are made from it.
"""

from __future__ import annotations

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "insufficient": "Too few rows, groups, classes or eigenvalues for the definition; the reason has the number.",
    "collapsed": "All rows are equal, all entries zero or all predictions of one class: nothing to measure.",
    "no_sample": "The summary holds sums alone, and the metric looks at rows: summarize keeps a sample on request.",
    "rows_gone": "The metric looks at every row, or once more at them, and a summary holds none: measure the rows.",
    "nonfinite": "Rows of the weights hold NaN or infinity.",
    "out_of_range": "The value is above 1e100, or below the least number of float64: scale the rows first.",
    "zero_rows": "Rows of zeros have no direction, and this metric needs one of each; remove them.",
    "one_dimension": "One column is not enough: every cosine is 1 or -1, and there are no two halves.",
    "no_gap": "Directions run into the rounding of the stored numbers without a gap: nothing says how many are real.",
    "no_resolution": "No direction stands above the rounding of the stored numbers: store float32.",
    "no_bulk": "More than half of the directions carry no variance: there is no noise to compare with.",
    "poor_fit": "No power law fits: its exponent would mean nothing.",
    "equal_eigenvalues": "All eigenvalues are equal: there is no tail.",
    "equidistant": "All neighbors are equally far, as in a lattice: there is no dimension in this sense.",
    "singular": "The views span too little beside the ridge, which is lost in rounding: more items or more views help.",
    "no_group": "The metric compares rows that belong together: name their column with the option group.",
    "grouped": "Groups were given, so that opis carries the value.",
    "pseudo_groups": "The groups are clusters, so that pseudo_opis carries the value.",
    "degenerate_range": "Distances between groups are all but equal, as in a collapse: no two thresholds differ.",
    "no_large_merge": "No merge has 2 % of the rows on both sides: nothing but single rows stands apart.",
    "engine": "The engine giotto-tda does not say how large the merging sides are; take the other one.",
    "metric": "H1 is computed for Euclidean distances alone.",
    "no_logits": "The metric needs the class scores of the rows: a list column, or logit_0, logit_1, ...",
    "no_head": "The metric needs the last linear layer of the classifier: name its file, or give the "
    "logits that it can be worked out from.",
    "head_shape": "The head has another number of classes than the logits.",
    "zero_row": "A row of the head is zero: its class has no direction.",
    "no_source": "The metric compares with source rows as wide as the target: name them with the option source.",
    "no_labels": "The metric needs logits and labels of the source rows; a label is a whole number from 0 on.",
    "one_candidate": "The metric compares candidates on the same rows: give several.",
    "other_rows": "The candidates were not measured on the same rows: their ids differ.",
    "other_classes": "The candidates have different numbers of classes.",
    "no_layer": "No layer of the checkpoint has this number, or is of the kind that it is of.",
    "ambiguous_head": "Several layers are named like the head of a classifier.",
    "empty": "Of a tensor: it holds a single number, or none.",
    "vector": "Of a tensor: a vector (a bias, a normalization, a statistic) is no matrix.",
    "bias": "Of a tensor: a bias or a mask, by its name.",
    "mask": "Of a tensor: it holds true and false.",
    "integer": "Of a tensor: it holds whole numbers (positions, counts or packed quantized numbers).",
    "quantized": "Of a tensor: quantized numbers mean nothing without their scale; save it as float32.",
    "dtype": "Of a tensor: it holds no real numbers of 16 to 64 bits; save it as float32.",
    "not_asked": "Of a tensor: the layers asked for are others.",
    "confused_classes": "The reference is predicted in a way that determines no class shares.",
    "features_only": "Of a choice: without class scores no rule is known that chooses much better than chance.",
    "few_candidates": "Of a choice: agreement with others needs at least three candidates that are not vetoed.",
    "half_plausible": "Of a choice: more than half of the candidates may be the best, and they predict differently.",
    "no_structure": "Of a choice: the best predictions fit the clusters of the others no better than chance.",
    "all_vetoed": "Of a choice: every candidate is collapsed, or predicts one class alone.",
    "constant_predictions": "Of a choice: a candidate that predicts one class alone is vetoed.",
    "labels_do_not_decide": "Of a choice: the labels leave the difference between candidates inside its interval.",
}
"""Every reason code: of metrics, of tensors, and of a choice that is undecided."""
