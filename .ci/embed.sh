# Prints a C header that holds each file named on the command line as a string: assets[] = {{path, text}, ...}.
echo "/* Made from themes/ and keymaps/ by .ci/embed.sh. */"
echo "static const struct { const char *path, *text; } assets[] = {"
for f in "$@"; do
    printf '{"%s",\n' "$f"
    sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' -e 's/$/\\n"/' "$f"
    echo "},"
done
echo "};"
