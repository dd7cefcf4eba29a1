"""What is asked, how it is judged and shown.

statistics   intervals, paired tests, corrections for many
power        the smallest difference that so many samples show, and the samples that a difference takes
corpus       the same of values that are no mean, by their counts
repeats      pass@k, majority@k, and how much of a variance is of samples, seeds and draws
calibration  whether a stated probability comes true
equivalence  whether a difference lies within a margin
ranks        how far two orders agree
many_forms   the distribution of scores over many forms of a prompt, from few cells
seeds        how far scores spread over seeds, beyond noise and more here than there
selection_bias  what the best of many candidates is worth on samples that did not choose it
spread       how far apart the scores of several prompts are, and how far chance would put them
macro        means over tasks that count alike
agreement    how far two judges agree, and whether one prefers a place
roc          whether probabilities tell labels apart
answers/     what is asked for and how it is read, together
metrics/     what an answer is worth
tasks/       samples, answer format and score
report/      what a run showed, as values, and its renderers
"""
