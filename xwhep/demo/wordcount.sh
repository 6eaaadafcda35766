#!/bin/sh
# wordcount: read a text on standard input, write how often each word occurs, the most frequent first
mkdir -p out
tr -cs '[:alpha:]' '\n' | tr '[:upper:]' '[:lower:]' | grep . | sort | uniq -c | sort -k1,1nr -k2 > out/words.txt
echo "$(awk '{ sum += $1 } END { print sum + 0 }' out/words.txt) words, $(wc -l < out/words.txt) of them different"
