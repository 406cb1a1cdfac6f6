/** A trace as a tree of text: each span below the one that caused it, with its node, when it began and how long it took. */
import type { TracedSpan } from '../../actors/api.ts'
import { type Column, table } from './table.ts'

export interface Branch {
  readonly span: TracedSpan
  /** What is drawn before its name. */
  readonly lines: string
}

/** Spans in the order in which a tree shows them. One whose parent nobody has told of (a client's own, or forgotten) stands at the root. */
export function branches(spans: readonly TracedSpan[]): Branch[] {
  const known = new Set(spans.map(s => s.spanId))
  const below = new Map<string, TracedSpan[]>()
  const roots: TracedSpan[] = []
  for (const span of spans.toSorted((a, b) => a.startMs - b.startMs || a.endMs - b.endMs)) {
    // A span that says it is its own parent would never be shown.
    const { parentId: parent } = span
    if (parent === null || !known.has(parent) || parent === span.spanId) roots.push(span)
    else below.set(parent, [...(below.get(parent) ?? []), span])
  }
  const shown = new Set<string>()
  function* walk(span: TracedSpan, lines: string, indent: string): Generator<Branch> {
    if (shown.has(span.spanId)) return
    shown.add(span.spanId)
    yield { span, lines }
    const children = below.get(span.spanId) ?? []
    for (const [i, child] of children.entries()) {
      const isLast = i === children.length - 1
      yield* walk(child, `${indent}${isLast ? '└─ ' : '├─ '}`, `${indent}${isLast ? '   ' : '│  '}`)
    }
  }
  // What goes round in a circle is nobody's child that is shown; it stands at the end.
  return [...roots, ...spans].flatMap(root => [...walk(root, '', '')])
}

const ms = (value: number): string => `${value.toFixed(Math.abs(value) < 10 ? 2 : value < 100 ? 1 : 0)} ms`

const ABOUT = ['http.response.status_code', 'baton.to', 'baton.events', 'baton.outcome', 'baton.attempt', 'baton.verdict'] as const

function aboutOf({ attributes, error }: TracedSpan): string {
  const known = ABOUT.flatMap(name => {
    const value = attributes[name]
    if (value === undefined || (name === 'baton.attempt' && value === 1)) return []
    const word = name.slice(name.lastIndexOf('.') + 1)
    return word === 'events' ? [String(value)] : [`${word === 'status_code' ? 'status' : word} ${value}`]
  })
  return [...known, ...(error === null ? [] : [`ERROR ${error}`])].join(', ')
}

export function traceTree(spans: readonly TracedSpan[]): string {
  const begin = Math.min(...spans.map(s => s.startMs))
  const columns: readonly Column<Branch>[] = [
    ['SPAN', b => `${b.lines}${b.span.name}`],
    ['NODE', b => b.span.node],
    ['BEGIN', b => `+${ms(b.span.startMs - begin)}`],
    ['TOOK', b => ms(b.span.endMs - b.span.startMs)],
    ['ABOUT', b => aboutOf(b.span)],
  ]
  return table(columns, branches(spans))
}
