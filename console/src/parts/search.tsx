import { useEffect, useRef, useState } from 'preact/hooks'
import { hrefOf, type Route } from '../route.ts'

/** After so long without another key what is written is looked for, ms. */
const PAUSE_MS = 250

/** Looks at a list otherwise: what is shown of it stands in the URL. An empty word takes that part away. */
export function narrow(view: string, query: Route['query'], change: Readonly<Record<string, string>>): void {
  location.hash = hrefOf(view, null, { ...query, ...change })
}

/** A field in which one writes what to look for; the cluster is asked when one pauses, not at every key. */
export function Search({ value, placeholder, onSearch }: { value: string; placeholder: string; onSearch(text: string): void }) {
  const [text, setText] = useState(value)
  const timer = useRef(0)
  // The URL may change otherwise: by the way back, by a link.
  useEffect(() => setText(value), [value])
  useEffect(() => () => clearTimeout(timer.current), [])
  return (
    <label>
      Find
      <input
        type="search"
        value={text}
        placeholder={placeholder}
        maxLength={255}
        onInput={event => {
          const next = event.currentTarget.value
          setText(next)
          clearTimeout(timer.current)
          timer.current = window.setTimeout(() => onSearch(next.trim()), PAUSE_MS)
        }}
      />
    </label>
  )
}

/** One of a few words, or all of them. */
export function Choice({ name, value, of, onChoose }: { name: string; value: string; of: readonly string[]; onChoose(word: string): void }) {
  return (
    <label>
      {name}
      <select value={value} onChange={event => onChoose(event.currentTarget.value)}>
        <option value="">all</option>
        {of.map(word => (
          <option key={word}>{word}</option>
        ))}
      </select>
    </label>
  )
}
