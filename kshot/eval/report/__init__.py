"""Reports: one set of types, three renderers, and what fills them.

model      what a report is made of: sections, tables, figures, transcripts
numbers    numbers as a report writes them
safe_text  text of models and datasets, made safe to look at
style      how figures look, and how they become PNG, PDF and SVG
frame      a function that fills panels, made a figure
ticks      logarithmic axes that say 10, 100 and 1,000
terminal   a report on a terminal
markdown   a report as Markdown, with its figures beside it
html       a report as one page; page/ has its template, style and script
publish    a report on its way out: printed, written, and where it is
prompting/ the report of a comparison
"""
