# SPDX-License-Identifier: MIT
"""Values and tables as LaTeX."""

SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#", "_": r"\_", "%": r"\%",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "<": r"\textless{}", ">": r"\textgreater{}",
    "‘": "`", "’": "'", "“": "``", "”": "''", "—": "---", "–": "--", "\n": r"\,$\hookleftarrow$ ",
}  # fmt: skip


def escape(text):
    """Any text as LaTeX shows it."""
    return "".join(SPECIAL.get(character, character) for character in text)


def breakable(text):
    """Source code as LaTeX shows it, in lines that may end before a tag or a command and behind a bracket."""
    opened = "".join(r"\allowbreak{}" * (character in "<\\") + escape(character) for character in text)
    return opened.replace(r"\}", r"\}\allowbreak{}").replace(r"\textgreater{}", r"\textgreater{}\allowbreak{}")


def count(n):
    """1,700"""
    return f"{n:,}"


def decimals(value, digits):
    """.9996, with no zero before the point as long as the value is below 1."""
    return f"{value:.{digits}f}".removeprefix("0") or "0"


def setting(value):
    """A number as somebody chose it: .001, 128."""
    return f"{value:g}".removeprefix("0") or "0"


def power(value):
    """1.5e-15 as $1.5\\cdot 10^{-15}$"""
    mantissa, exponent = f"{value:.1e}".split("e")
    return rf"${mantissa}\cdot 10^{{{int(exponent)}}}$"


def paragraph(text, width):
    """LaTeX that breaks into lines in a cell; the width is a part of the line's."""
    return rf"\parbox[t]{{{width:g}\linewidth}}{{\raggedright\strut {text}\strut}}"


def table(label, caption, command, columns, header, rows, size="small", above=(), width=None):
    """A table in the manner of booktabs. Cells are LaTeX; a row that is None is a rule.

    Args:
        command: that measures what the table says; the caption ends with it.
        size: of the letters, a LaTeX command.
        above: a first line of the header, cells that may span columns.
        width: a part of the line's, for a table that stands beside another in a float of the text; else it floats.
    """
    environment, place = ("table", "[htbp]") if width is None else ("minipage", rf"[t]{{{width:g}\linewidth}}")
    narrow = "" if size == "small" else r"\setlength{\tabcolsep}{3.5pt}"
    lines = [rf"\begin{{{environment}}}{place}\centering\{size}{narrow}"]
    lines += [
        rf"\caption{{{caption} \code{{{escape(command)}}}.}}\label{{tab:{label}}}",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
    ]
    if above:
        lines += [" & ".join(above) + r" \\"]
    if any(header):
        lines += [" & ".join(header) + r" \\", r"\midrule"]
    end = r" \\" if size == "small" else r" \\[1pt]"
    lines += [r"\midrule" if row is None else " & ".join(row) + end for row in rows]
    lines += [r"\bottomrule", r"\end{tabular}", rf"\end{{{environment}}}"]
    return "\n".join(lines) + "\n"
