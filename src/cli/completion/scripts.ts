/**
 * What makes a shell ask `kafka-do` what a word may become. The program answers with a candidate a line and what it is, with a
 * tab between; a line `:file` or `:folder` leaves it to the shell.
 */
import type { Shell } from './shells.ts'

const bash = `# kafka-do completion for bash: add to ~/.bashrc
#   eval "$(kafka-do completion bash)"
_kafka_do() {
  local cur words cword line
  # Colons and equal signs are parts of words here: kafka://host, --url=…
  if declare -F _get_comp_words_by_ref >/dev/null; then
    _get_comp_words_by_ref -n := cur words cword
  else
    cur="\${COMP_WORDS[COMP_CWORD]}"; words=("\${COMP_WORDS[@]}"); cword=$COMP_CWORD
  fi
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :file) COMPREPLY+=($(compgen -f -- "$cur")); compopt -o filenames 2>/dev/null ;;
      :folder) COMPREPLY+=($(compgen -d -- "$cur")); compopt -o filenames 2>/dev/null ;;
      *) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <(kafka-do completion --words -- "\${words[@]:1:cword-1}" "$cur" 2>/dev/null)
  declare -F __ltrim_colon_completions >/dev/null && __ltrim_colon_completions "$cur"
}
complete -F _kafka_do kafka-do
`

const zsh = `#compdef kafka-do
# kafka-do completion for zsh: add to ~/.zshrc, after compinit
#   source <(kafka-do completion zsh)
_kafka_do() {
  local line word about
  local -a candidates
  while IFS= read -r line; do
    case "$line" in
      :file) _files; return ;;
      :folder) _files -/; return ;;
    esac
    word="\${line%%$'\\t'*}"; about="\${line#*$'\\t'}"
    candidates+=("\${word//:/\\\\:}:$about")
  done < <(kafka-do completion --words -- "\${(@)words[2,CURRENT-1]}" "\${words[CURRENT]}" 2>/dev/null)
  _describe 'kafka-do' candidates
}
compdef _kafka_do kafka-do
`

const fish = `# kafka-do completion for fish: save as ~/.config/fish/completions/kafka-do.fish
function __kafka_do_complete
  set -l before (commandline -opc)[2..]
  set -l current (commandline -ct)
  for line in (kafka-do completion --words -- $before "$current" 2>/dev/null)
    switch $line
      case ':file'
        __fish_complete_path "$current"
      case ':folder'
        __fish_complete_directories "$current"
      case '*'
        echo $line
    end
  end
end
complete -c kafka-do -f -a '(__kafka_do_complete)'
`

export const scripts: { readonly [shell in Shell]: string } = { bash, zsh, fish }
