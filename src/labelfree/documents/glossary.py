"""Words of tables, findings and reasons: `labelfree explain WORD` and docs/glossary.md are made of this."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from labelfree.catalog import CATALOG
from labelfree.documents.finding_codes import CODES
from labelfree.documents.reason_codes import REASONS

WORDS: Mapping[str, str] = {
    "95 % interval": "Values that the metric could well have had with other rows of the same kind: a procedure "
    "that gives such intervals is right 19 times of 20. Its coverage was measured; where none was found that holds, "
    "none is given.",
    "better": "Which way is better: higher, lower, nearer to a target, or empty where no direction is known.",
    "target": "The value that is best for this metric: neither more nor less of it.",
    "estimate": "The metric is in units of accuracy: it says how many rows the model gets right.",
    "rank": "Of metrics, the kind that orders models and is in no units of accuracy. Of rows, how many directions "
    "they use.",
    "description": "The metric describes the data; no direction of it is better in general.",
    "status": "Of a metric: ok, undefined (no value on these data, with the reason) or partial (a value whose "
    "definition is not met). Of a candidate: best, tied, plausible, worse or vetoed.",
    "effective rank": "How many directions the rows use: exp of the entropy of their singular values, each as a "
    "share. Equal ones give their number, a single one gives 1.",
    "ceiling": "The rank that pure noise of the same number of rows and columns would have: few rows cannot show more.",
    "noise of this shape": "Random rows of the same number and width with nothing in them. A rank near theirs "
    "uses all directions; far below, a few directions hold most of the energy.",
    "isotropic": "Alike in all directions, as random noise is.",
    "narrow cone": "All rows point about the same way: their mean holds most of their energy. Explain narrow_cone "
    "has more.",
    "r2": "Share of the variation that a fitted line explains; 1 is a perfect fit.",
    "structure-free": "The same metric on random rows with the same mean and covariance. What the value has "
    "beyond it is due to structure such as classes; at or below it there is none to see.",
    "excess": "The value minus that of structure-free rows: what structure adds. Near 0 there is none to see.",
    "zero bars": "Merges at distance zero: rows that are equal. Many of them look like tight classes without "
    "being any.",
    "deaths": "Distances at which clusters merge when links of growing length are drawn: a few far above all "
    "others are classes far apart.",
    "singular values": "How much of the rows lies along each of their directions, the largest first.",
    "u": "classifier_nonuniformity: how unequal the angles between the rows of the head are. Lower is better.",
    "h": "hopkins: how clustered the embeddings are, between 0 and 1.",
    "m": "infomax: how certain and how diverse the predictions are; divided by ln of the classes it lies between "
    "0 and 1.",
    "transfer score": "The sum -U + H + M / ln K: even angles of the head, clustered rows, certain and diverse "
    "predictions.",
    "head": "The last linear layer of a classifier: embeddings @ weight.T + bias are the logits.",
    "recovered": "The head was worked out from embeddings and logits, which determine it.",
    "logits": "The scores of the classes before softmax, one a class.",
    "true accuracy": "The share of rows that are right by the labels of the audit, which no estimate has seen.",
    "audit": "Target labels used for nothing but the true accuracy beside the estimates.",
    "saturated": "The score has stood still over a window of checkpoints: more epochs bring nothing.",
    "root": "The square root of OPIS: by how much the utility of a group differs from that of another, typically.",
    "utility": "Of a group under one threshold: the harmonic mean of the shares of its own pairs that are "
    "accepted and of foreign ones that are refused.",
    "calibration range": "The false accept rates among which a threshold would be chosen: OPIS looks at all "
    "thresholds in it.",
    "far": "False accept rate: the share of pairs of different groups that lie within the threshold.",
    "frr": "False reject rate: the share of pairs of one group that lie beyond the threshold.",
    "tar": "True accept rate: the share of pairs of one group that lie within the threshold; 1 - FRR.",
    "eer": "Equal error rate: where FAR and FRR are the same.",
    "own far there": "The false accept rate of this group at the threshold at which all groups together have the "
    "given one.",
    "recall@1": "The share of rows whose nearest other row is of the same group.",
    "overlap": "The share of similarities that pairs of one group and of different groups have in common.",
    "pseudo-groups": "Clusters in place of identities, where no column says which rows belong together.",
    "cross-fitted": "Clusters are made in half of the dimensions and judged in the other half, so that they do "
    "not judge themselves.",
    "adjusted rand": "How well two clusterings agree: 1 is the same one, 0 is what chance gives.",
    "chance": "What a model that tells nothing apart would reach; of two representations, what unrelated ones would.",
    "accepted": "The share of pairs of rows whose cosine is at least the threshold.",
    "f1": "Of the pairs that one threshold accepts, against those that another does on the same rows: the harmonic "
    "mean of the shares that they have in common.",
    "agreement": "The share of pairs of rows that two thresholds both accept or both refuse.",
    "bytes": "What a vector takes as it is stored, without an index around it.",
    "worst groups": "The groups that one common threshold serves worst.",
    "noise of small groups": "What groups of few rows differ by although nothing is unfair.",
    "of full": "Effective rank of a weight matrix as a share of the most it could have.",
    "stable": "Stable rank: the squared Frobenius norm over the squared spectral norm.",
    "tail": "Exponent of the power law that the largest eigenvalues of a layer follow; poor where they follow none.",
    "poor": "No power law fits: the exponent would mean nothing.",
    "spikes": "Singular values of a layer above what noise of its shape would have: directions that training put "
    "there.",
    "norm": "Spectral norm: the largest factor by which a layer stretches a vector.",
    "matrix": "Rows and columns of a weight, with a convolution unrolled to one row an output.",
    "kind": "Of a metric: estimate, rank or description. Of a layer: what it is in the network.",
    "first row": "The first row that a finding is true of, from 0.",
    "found": "The code of a finding; labelfree explain CODE says what it means.",
    "sample": "The rows that pairs and intervals are computed from: the same ones whatever the order or the threads.",
    "healthy": "The state of rows in which nothing speaks for a collapse.",
    "suspicious": "A state: something speaks for a collapse, and not enough to be sure.",
    "likely collapsed": "A state: the rows use far fewer directions than they have, and no separable classes "
    "explain it.",
    "no verdict": "The data do not allow one; the reason stands beside it.",
    "not comparable": "The sources differ in rows, columns or classes, which moves the numbers by itself.",
    "plateau": "The metric has stopped improving by more than its noise: stop. Exit code 11.",
    "collapse": "The embeddings have lost nearly all their directions: stop. Exit code 12.",
    "undecided": "Of a gate, a drop that may be noise: neither passed nor failed. Of a choice, that the data do not "
    "tell which candidate is the best, for the reason beside it. Exit code 13, of select where it is asked for.",
    "keep": "The candidate to keep: its score is the best, and nothing speaks against deciding by it.",
    "candidate": "One of the models, checkpoints or settings to choose among, by its embeddings of the same rows.",
    "tie": "Candidates whose difference is noise: any of them can be kept. The sentence says on how many rows they "
    "predict differently, and by no more than that can their accuracies differ.",
    "best": "Of candidates, the one with the highest score; of sources, the one with the best headline.",
    "tied": "A candidate whose score differs from the best by no more than noise.",
    "plausible": "A candidate that does not tie with the best and may still be better: a score errs by more "
    "than noise.",
    "worse": "A candidate that is not the best: its score is too far below.",
    "vetoed": "A candidate that is never chosen, for the reason beside it: it has collapsed, or predicts one class.",
    "score": "Of a candidate: what the rule chooses by, a product of the parts beside it. Comparable among these "
    "candidates only. Of an unusual row: how far it lies beyond usual rows of the reference, in median deviations.",
    "se": "Of a candidate: the standard error of its distance to the best score, as a share of the best.",
    "apart": "The share of rows on which a candidate predicts otherwise than the best. Their accuracies on these rows "
    "differ by at most as much.",
    "refit_agreement": "How well the predictions of a candidate fit those of classifiers that were refitted on the "
    "labelled source rows in the spaces of the other candidates: how much more often these say a class where the "
    "candidate does than elsewhere.",
    "cluster_agreement": "How well the predictions of a candidate fit the clusters of the other candidates' rows: "
    "adjusted mutual information, 0 by chance, 1 the same.",
    "neighbor_agreement": "How much more often most of the nearest rows have a class where the candidate predicts it "
    "than elsewhere, in the spaces of the other candidates: the mean over all classes.",
    "neighbor_information": "The part of the entropy of a candidate's predictions that those of the nearest rows tell, "
    "in the spaces of the other candidates.",
    "neighbor_consensus": "How many nearest neighbors of a row a candidate shares with the others, beyond chance.",
    "own_agreement": "As neighbor_agreement, with the nearest rows in the space of the candidate itself.",
    "vote_agreement": "How well the predictions of a candidate fit the vote of all candidates, in which a better score "
    "and a space of its own count more.",
    "information": "What the probabilities of a candidate say of the rows, from 0 to 1: how certain each is, how "
    "diverse all are.",
    "refit_accuracy": "The accuracy of a classifier refitted in the space of a candidate, on its labelled source rows, "
    "each of which is left out in turn.",
    "shares_met": "How near the shares of the predicted classes come to the class shares that were given: 1 is equal.",
    "weight": "Of a candidate, how much its space counts for the others: near copies share one vote. Of a labelled "
    "row, how many rows it stands for.",
    "classes_predicted": "How many classes a candidate predicts at least once.",
    "structure": "How well clusters of a candidate's rows agree with their neighbors, beyond what noise of the same "
    "shape gives.",
    "points": "Points of accuracy: hundredths.",
    "wilson": "An interval of a share that is right near 0 and 1 too (Wilson 1927).",
    "reference": "Of drift: the rows that current ones are compared with, such as a sample of the training data. They "
    "are the unit: a row is unusual beside them.",
    "drift": "How far current rows have left a reference. It is not damage: whether accuracy fell, transfer estimates.",
    "no drift seen": "Random divisions of the pooled rows differ as much as current rows and reference do.",
    "hardly any drift": "There is a difference, and a classifier and the share of rows outside hardly show it.",
    "slight drift": "A classifier tells current rows from the reference in 55 % of pairs or more, or 7 % of rows lie "
    "outside what it holds.",
    "strong drift": "A classifier tells current rows from the reference in 75 % of pairs or more, or 20 % of rows lie "
    "outside what it holds.",
    "by chance": "What the number is where nothing has changed, at these numbers of rows.",
    "p": "Of a test: how often random divisions of the rows differ as much. Of a row: the share of reference rows that "
    "are no less unusual (a conformal p-value). It says whether, never how much.",
    "look": "One check of a history for drift. The chance of a false alarm is shared among the looks that are stated.",
    "most unusual row": "Rows by their id, or position, the farthest from the reference first.",
    "nearest in the reference": "The ids of the three reference rows that are nearest by direction.",
    "beyond 95 %": "The share of rows that are as unusual as the outermost 5 % of the reference.",
    "in the reference": "The share of the reference with this value of the column.",
    "against": "Which reference rows a slice is compared with: those of the same value, or all.",
    "energy ratio": "energy_ratio of the rows of a slice.",
    "singled out": "Rows that can be named as unusual, so that about one in ten of them is not.",
    "continue": "Keep training: nothing speaks against it. Exit code 0.",
    "pass": "Every condition of the gate holds. Exit code 0.",
    "fail": "A condition of the gate does not hold. Exit code 10.",
    "guard": "A check that the gate always makes, whatever it was asked: of collapse.",
    "patience": "How many checks without an improvement the gate waits for before it stops.",
    "warm-up": "The first checks, which no plateau is called in.",
}
"""Words of tables, in lower case."""


def meaning(word: str) -> tuple[str, str] | None:
    """A word or code as it is written, and what it means; None where it is none of either.

    >>> meaning("Zero-bars")[0], meaning("narrow_cone")[0], meaning("no_gap")[0], meaning("no such word")
    ('zero bars', 'narrow_cone: warning', 'no_gap: reason', None)
    """
    asked = word.strip().lower()
    like_a_code = asked.replace(" ", "_").replace("-", "_")
    code, reason = CODES.get(like_a_code), REASONS.get(like_a_code)
    plain = next((w for w in WORDS if _bare(w) == _bare(asked)), None)
    if code is not None:
        more = f" {WORDS[plain]}" if plain is not None and plain != "narrow cone" else ""
        said = f"{code.sentence[0].upper()}{code.sentence[1:]}. {code.meaning}{more}"
        said += " Other commands refuse such rows." if code.refused else ""
        said += "" if reason is None else f" As the reason of a metric: {reason}"
        return f"{code.code}: {code.severity}", said
    if reason is not None:
        return f"{like_a_code}: reason", reason if plain is None else f"{reason} {WORDS[plain]}"
    return None if plain is None else (plain, WORDS[plain])


def near(word: str) -> str | None:
    """What somebody who typed this word may have meant: a metric, a word or a code."""
    known = [*(entry.name for entry in CATALOG), *CODES, *REASONS, *WORDS]
    found = get_close_matches(word.lower(), known, n=1)
    return found[0] if found else None


def _bare(word: str) -> str:
    return word.replace("_", " ").replace("-", " ")
