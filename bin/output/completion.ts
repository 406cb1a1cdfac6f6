/** Completion scripts, made from the table of commands. They are static: pressing TAB starts no process. */
import type { CommandSpec } from '../command-spec.ts'

interface Words {
  readonly firsts: readonly string[]
  /** Verbs of each group. */
  readonly verbs: ReadonlyMap<string, readonly string[]>
  /** Long options of each full path. */
  readonly options: ReadonlyMap<string, readonly string[]>
}

const longOptions = (spec: CommandSpec): string[] => spec.options.flatMap(o => o.flags.match(/--[a-z-]+/g) ?? [])

function wordsOf(commands: readonly CommandSpec[]): Words {
  const verbs = new Map<string, string[]>()
  for (const { path } of commands) {
    const [group = '', verb] = path.split(' ')
    if (verb !== undefined) verbs.set(group, [...(verbs.get(group) ?? []), verb])
  }
  return {
    firsts: [...new Set(commands.map(c => c.path.split(' ')[0] ?? ''))],
    verbs,
    options: new Map(commands.map(c => [c.path, longOptions(c)])),
  }
}

/** The `case` arms that both bash and zsh understand: `instance) words="create list …" ;;` */
const arms = (words: ReadonlyMap<string, readonly string[]>): string =>
  [...words].map(([when, then]) => `    '${when}') words='${then.join(' ')}' ;;`).join('\n')

const shellChoice = ({ firsts, verbs, options }: Words, words: string, index: string): string => `  local words=''
  if [ ${index} -eq 1 ]; then words='${firsts.join(' ')}'; fi
  if [ ${index} -eq 2 ]; then case "\${${words}[${words === 'words_typed' ? 2 : 1}]}" in
${arms(verbs)}
  esac; fi
  case "$current" in -*)
    case "$path_typed" in
${arms(options)}
    esac ;;
  esac`

function bash(commands: readonly CommandSpec[]): string {
  const words = wordsOf(commands)
  return `# bash completion for baton: source <(baton completion bash)
_baton() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path_typed="\${COMP_WORDS[1]}"
  case " ${[...words.verbs.keys()].join(' ')} " in *" $path_typed "*) path_typed="$path_typed \${COMP_WORDS[2]}" ;; esac
${shellChoice(words, 'COMP_WORDS', '$COMP_CWORD')}
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _baton baton
`
}

function zsh(commands: readonly CommandSpec[]): string {
  const words = wordsOf(commands)
  return `#compdef baton
# zsh completion for baton: baton completion zsh > "\${fpath[1]}/_baton"
_baton() {
  local -a words_typed=("\${words[@]}")
  local current="\${words[CURRENT]}" path_typed="\${words[2]}" place=$((CURRENT - 1))
  case " ${[...words.verbs.keys()].join(' ')} " in *" $path_typed "*) path_typed="$path_typed \${words[3]}" ;; esac
${shellChoice(words, 'words_typed', '$place')}
  if [ -n "$words" ]; then compadd -- \${=words}; else _files; fi
}
_baton "$@"
`
}

function fish(commands: readonly CommandSpec[]): string {
  const { verbs } = wordsOf(commands)
  const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
  const lines = ['# fish completion for baton: baton completion fish > ~/.config/fish/completions/baton.fish', 'complete -c baton -f']
  for (const group of verbs.keys()) lines.push(`complete -c baton -n __fish_use_subcommand -a ${group}`)
  for (const spec of commands) {
    const [first = '', verb] = spec.path.split(' ')
    const inGroup = `__fish_seen_subcommand_from ${first}; and not __fish_seen_subcommand_from ${(verbs.get(first) ?? []).join(' ')}`
    const when = verb === undefined ? '__fish_use_subcommand' : inGroup
    lines.push(`complete -c baton -n ${quote(when)} -a ${verb ?? first} -d ${quote(spec.about)}`)
    const chosen = `__fish_seen_subcommand_from ${first}${verb === undefined ? '' : `; and __fish_seen_subcommand_from ${verb}`}`
    for (const { flags, about } of spec.options) {
      const long = flags.match(/--([a-z-]+)/)?.[1] ?? ''
      lines.push(`complete -c baton -n ${quote(chosen)} -l ${long}${flags.includes('<') ? ' -r' : ''} -d ${quote(about)}`)
    }
  }
  return `${lines.join('\n')}\n`
}

/** By name of the shell: the script for these commands. */
export const SHELLS: Readonly<Record<string, (commands: readonly CommandSpec[]) => string>> = { bash, zsh, fish }
