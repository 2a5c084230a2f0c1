# Makes the argument parser's manual pages such that `mandoc -T lint` has nothing to say: a sentence begins a line, a line
# is short, an empty line is a paragraph, and pages are called as `man norma analyze` looks for them.
function say(line) {
  if (pending) print ".Pp"
  pending = 0
  print line
}
function wrap(sentence, words, count, k, line) {
  count = split(sentence, words, " ")
  line = ""
  for (k = 1; k <= count; k++) {
    if (line != "" && length(line) + length(words[k]) >= 79) {
      say(line)
      line = ""
    }
    # A point or an apostrophe at the start of a line would be a command.
    line = line == "" ? (words[k] ~ /^[.']/ ? "\\&" : "") words[k] : line " " words[k]
  }
  if (line != "") say(line)
}
/^(\.Pp)?$/ { pending = 1; next }
/^\.(It|El|Bl|Sh)/ { pending = 0 }
/^\.Dt / { gsub(/\./, "-"); sub(/^-/, ".") }
/^\.Xr / { gsub(/norma\./, "norma-"); while ($2 ~ /\./) sub(/\./, "-", $2) }
/^\.Nd / { sub(/\."$/, "\"") }
/^\./ { say($0); next }
{ gsub(/--/, "\\-\\-") }
/^ / { say($0); next }
{
  rest = $0
  while (match(rest, /[.?!] +[A-Z]/)) {
    wrap(substr(rest, 1, RSTART))
    rest = substr(rest, RSTART + RLENGTH - 1)
  }
  wrap(rest)
}
