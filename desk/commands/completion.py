"""`sakigake completion`: the lines that let a shell complete commands and options."""

import click

from desk.answering import answer, as_json
from sakigake import words

VARIABLE = "_SAKIGAKE_COMPLETE"
POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName sakigake -ScriptBlock {
    param($word, $tree, $position)
    $before = $tree.ToString()
    if ($before.Length -gt $position) { $before = $before.Substring(0, $position) }
    $words = @($tree.CommandElements | Where-Object { $_.Extent.EndOffset -le $position } | ForEach-Object { $_.ToString() })
    if ($word -and $words.Count -and $words[-1] -eq $word) { $words = @($words | Select-Object -SkipLast 1) }
    $saved = $env:_SAKIGAKE_COMPLETE, $env:COMP_WORDS, $env:COMP_CWORD
    $env:_SAKIGAKE_COMPLETE = 'powershell_complete'
    $env:COMP_WORDS = ($words -join "`n")
    $env:COMP_CWORD = $word
    try {
        & sakigake | ForEach-Object {
            $kind, $value, $help = $_ -split "`t", 3
            if ($kind -eq 'plain') {
                if (-not $help) { $help = $value }
                [System.Management.Automation.CompletionResult]::new($value, $value, 'ParameterValue', $help)
            }
        }
    } finally {
        $env:_SAKIGAKE_COMPLETE, $env:COMP_WORDS, $env:COMP_CWORD = $saved
    }
}
"""


@click.command(help=words.text("cli.completion"))
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish", "powershell")))
@as_json()
def completion(shell: str, as_json: bool) -> None:
    """Print what the shell is to read."""
    from click.shell_completion import get_completion_class

    from desk import completing
    from desk.cli import cli

    completing.register()
    kind = get_completion_class(shell)
    if kind is None:
        raise TypeError(shell)
    script = kind(cli, {}, "sakigake", VARIABLE).source()
    if as_json:
        answer({"shell": shell, "script": script})
    else:
        click.echo(script)
