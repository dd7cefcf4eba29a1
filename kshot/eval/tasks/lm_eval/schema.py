"""Every key of lm-evaluation-harness' task files, and what becomes of it here: the table of docs/lm-eval.md.

The keys are those of lm_eval/config/task.py and group.py (0.4.13), which a test holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Key:
    """What becomes of a key."""

    taken: Literal["yes", "in part", "noted", "no"]  # noted: it changes nothing that is asked or scored here
    what: str


TRUST = "a `!function` with trust_code=true"
TASK: Mapping[str, Key] = {
    "task": Key("yes", "the name"),
    "task_alias": Key("noted", "a report has the task's own name"),
    "tag": Key("yes", "`lm-eval:TAG` is all tasks that have it"),
    "include": Key("yes", "a file or several; the file's own keys win"),
    "custom_dataset": Key("no", "a function that makes data: write them to a file"),
    "dataset_path": Key("yes", "a set of the hub, a local folder, or json, csv, parquet, text with data_files"),
    "dataset_name": Key("yes", "the set's configuration"),
    "dataset_kwargs": Key(
        "in part", "data_files and whatever else the readers of `datasets` take; no trust_remote_code"
    ),
    "training_split": Key("yes", "exemplars, where there is no fewshot_split"),
    "validation_split": Key("yes", "asked where there is no test_split; exemplars where there is no other"),
    "test_split": Key("yes", "asked"),
    "fewshot_split": Key("yes", "exemplars"),
    "process_docs": Key("yes", TRUST),
    "doc_to_text": Key("yes", f"Jinja, a column's name, a number (which choice); {TRUST}"),
    "doc_to_target": Key("yes", f"Jinja, a column's name, a number, a list; {TRUST}"),
    "doc_to_image": Key("no", "text alone is asked"),
    "doc_to_audio": Key("no", "text alone is asked"),
    "unsafe_code": Key("no", "what a model writes is not run"),
    "doc_to_choice": Key("yes", f"Jinja, a column's name, a list, keys with values; {TRUST}"),
    "process_results": Key("in part", f"{TRUST}, of generate_until, whose values are means within 0 and 1"),
    "use_prompt": Key("no", "a prompt of promptsource: write it as doc_to_text"),
    "description": Key("in part", "the same for all documents"),
    "target_delimiter": Key("yes", ""),
    "fewshot_delimiter": Key("yes", ""),
    "fewshot_config": Key("in part", "see below"),
    "num_fewshot": Key("noted", "a strategy says it: few-shot:k=5,template=0; the task's note has the number"),
    "metric_list": Key("in part", "see below; the first is the task's score, the others stand beside it"),
    "output_type": Key("yes", "generate_until, multiple_choice, loglikelihood, loglikelihood_rolling"),
    "generation_kwargs": Key("in part", "see below"),
    "repeats": Key("in part", "1; more are `--repeats`, or self-consistency for a vote"),
    "filter_list": Key("in part", "see below; of several the first reads, filter=NAME another"),
    "should_decontaminate": Key("noted", "nothing is looked up in training data"),
    "doc_to_decontamination_query": Key("noted", "as should_decontaminate"),
    "gen_prefix": Key("yes", "a column's name or Jinja"),
    "metadata": Key("noted", "a whole number as its version is the task's"),
}
LEFT: Mapping[str, Key] = {  # keys that the package's files have beside these
    "class": Key("no", "a task in Python: write it as kshot's, file.py:name"),
    "group": Key("no", "beside a task's own keys: a group is a file of its own, a tag is `tag`"),
    "task_list": Key("no", "several tasks in a file: write a group"),
}
FEWSHOT: Mapping[str, Key] = {
    "sampler": Key("yes", "default (drawn document by document from seed 1234) and first_n, each as theirs"),
    "split": Key("yes", "as fewshot_split"),
    "process_docs": Key("yes", TRUST),
    "fewshot_indices": Key("noted", "lm-eval reads it and does not use it"),
    "samples": Key("yes", f"rows in the file; {TRUST}"),
    "doc_to_text": Key("yes", "as the task's"),
    "doc_to_choice": Key("yes", "as the task's"),
    "doc_to_target": Key("yes", "as the task's"),
    "gen_prefix": Key("yes", "as the task's"),
    "fewshot_delimiter": Key("yes", ""),
    "target_delimiter": Key("yes", ""),
}
GENERATION: Mapping[str, Key] = {
    "until": Key("yes", "stop strings"),
    "max_gen_toks": Key("yes", "the most tokens of a reply; 256 where it is not said"),
    "max_new_tokens": Key("yes", "as max_gen_toks"),
    "max_tokens": Key("yes", "as max_gen_toks"),
    "max_completion_tokens": Key("yes", "as max_gen_toks"),
    "do_sample": Key("noted", "a strategy says it: temperature=0.7; the task's note has it"),
    "temperature": Key("noted", "as do_sample"),
    "top_p": Key("noted", "as do_sample"),
    "top_k": Key("noted", "as do_sample"),
    "num_beams": Key("in part", "1"),
}
FILTERS: Mapping[str, Key] = {
    "take_first": Key("yes", "last"),
    "regex": Key("yes", "regex_pattern, group_select, fallback; [invalid] is no answer"),
    "remove_whitespace": Key("yes", ""),
    "lowercase": Key("yes", ""),
    "uppercase": Key("yes", ""),
    "map": Key("yes", "mapping_dict, default_value; texts"),
    "multi_choice_regex": Key("yes", "with the document's `choices`"),
    "majority_vote": Key("no", "a vote is self-consistency's"),
    "take_first_k": Key("no", "as majority_vote"),
    "regex_pos": Key("no", "gives lists"),
    "format_span": Key("no", ""),
    "custom": Key("no", "a function over all documents"),
}
METRIC: Mapping[str, Key] = {
    "metric": Key("yes", "its name, see below"),
    "aggregation": Key("in part", "the metric's own, by name"),
    "higher_is_better": Key("noted", "as the metric has it"),
    "hf_evaluate": Key("in part", "of exact_match, which is the same code"),
    "ignore_case": Key("yes", "of exact_match"),
    "ignore_punctuation": Key("yes", "of exact_match"),
    "ignore_numbers": Key("yes", "of exact_match"),
    "regexes_to_ignore": Key("yes", "of exact_match"),
    "average": Key("noted", "but of generate_until, which alone hands it to a metric in lm-eval"),
    "weight_by_size": Key("noted", "as average; it is a group's"),
}
GROUP: Mapping[str, Key] = {
    "group": Key("yes", "the name"),
    "group_alias": Key("noted", "a report has the group's own name"),
    "task": Key("in part", "names of tasks, groups and tags; with keys of their own where these change nothing"),
    "aggregate_metric_list": Key(
        "in part", "means: the report has the macro mean and, as weight_by_size, the micro mean"
    ),
    "metadata": Key("noted", ""),
    "tag": Key("noted", ""),
    "include": Key("yes", ""),
}
AGGREGATE: Mapping[str, Key] = {
    "metric": Key("noted", "a report has the mean of every metric"),
    "filter_list": Key("noted", "filter=NAME of a task says which filter reads"),
    "aggregation": Key("in part", "mean"),
    "weight_by_size": Key("yes", "true (where it is not said): the micro mean; false: the macro mean"),
}
TABLES: Mapping[str, Mapping[str, Key]] = {
    "A task": {**TASK, **LEFT},
    "`fewshot_config`": FEWSHOT,
    "`generation_kwargs`": GENERATION,
    "Filters of `filter_list`": FILTERS,
    "An entry of `metric_list`": METRIC,
    "A group": GROUP,
    "An entry of `aggregate_metric_list`": AGGREGATE,
}
