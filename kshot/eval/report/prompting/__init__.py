"""The report of a comparison: what was run, turned into tables, figures, words and transcripts.

build        the report of a run
compare      the report of a run against another
run_data     what a report is made of: records, samples, calls
short_names  strategies by a name that a table has room for
scale        what a task's scores are called
constant     the best constant answer, and how many answers were given
counted      what the value of a corpus is made of
measures     scores, unread answers and cost of each strategy on each task
comparisons  pairs of strategies on the same samples, and whether a difference is real
words        the findings in sentences
subjects     the runs of several models as one, on the samples that they share
contrasts    what each gains by a strategy, and whether one gains more than another
by_model     their report
model_figures  scores and gains against size
model_words  it in sentences
groups       macro averages over groups of tasks
tables       the tables of every run
figures      the figures of every run
sweeps       what a hyperparameter does to accuracy
forms        strategies that are equal but for the form of their prompt
sensitivity  how far accuracy hangs on the form, and how far by chance
over_forms   the distribution of a score over many forms
asked        tasks in their own form against the same asked as a question
templates    the best human template, chosen on validation
repeats      what repeats tell: pass@k and the parts of the variance
metrics      metrics beside the task's own
judgings     what judges said of a run, as values
judged       what they said, and how far it can be trusted
judged_pairs the same of pairs of answers
consistency  accuracy against the number of chains
confusion    targets against answers
ranking      area under the ROC curve
calibrated   raw and calibrated from the same log-likelihoods
trust        whether a stated probability comes true
results      the same as numbers for a machine
transcripts  what the model wrote, record by record
"""
