# What was found, as a Markdown table: a column for each figure, or, of several parts together, one line for each thing that was measured.
def shown: if type == "number" then (if . == floor then . elif fabs < 10 then . * 100 | round / 100 else . * 10 | round / 10 end) else . end | tostring;
def line: "| " + join(" | ") + " |";
def rule: map("---") | line;

.results as $results |
if .part == "quick" then
  (["part", "what", "figures"] | line, rule),
  ($results[] | [.part, .name, (del(.part, .name) | to_entries | map("\(.key) \(.value | shown)") | join(", "))] | line)
else
  (reduce $results[] as $result ([]; . + (($result | del(.part, .name) | keys_unsorted) - .))) as $columns |
  ([.part] + $columns | line, rule),
  ($results[] | . as $result | [.name] + ($columns | map(. as $column | if $result | has($column) then $result[$column] | shown else "" end)) | line)
end
