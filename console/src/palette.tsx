/** Goes anywhere by a few letters: views, and instances, operations and hosts by name or id. */
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks'
import { useLive, useRows } from './live.ts'
import { hrefOf } from './route.ts'
import { mayAs } from './session.ts'

interface Goal {
  readonly title: string
  readonly href: string
}

const SHOWN = 12
/** Of instances and of hosts. */
const FOUND = 100
const PAUSE_MS = 200
/** What goals are called before their name. */
const KINDS = new Set(['instance', 'host', 'operation'])

/** A text when it has not changed for a moment. */
function useSlow(text: string): string {
  const [slow, setSlow] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSlow(text), PAUSE_MS)
    return () => clearTimeout(timer)
  }, [text])
  return slow
}

export function Palette({ views, onClose }: { views: readonly Goal[]; onClose(): void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  const [text, setText] = useState('')
  const [chosen, setChosen] = useState(0)
  const { session } = useLive()
  // The longest word is looked for among all there are, when one pauses; the others narrow it down here.
  const find = useSlow(
    text
      .toLowerCase()
      .split(/\s+/)
      .filter(word => !KINDS.has(word))
      .toSorted((a, b) => b.length - a.length)[0] ?? '',
  )
  const params = { limit: FOUND, ...(find === '' ? {} : { find }) }
  const { rows: instances } = useRows('instances', params, find !== '')
  const { rows: hosts } = useRows('hosts', params, find !== '' && mayAs(session, 'admin'))
  // Before the next key can be pressed: who types at once loses none.
  useLayoutEffect(() => dialog.current?.showModal(), [])
  const goals: Goal[] = [
    ...views,
    { title: 'Create instances', href: hrefOf('create') },
    ...(instances ?? []).map(({ id, name }) => ({ title: `Instance ${name} (${id})`, href: hrefOf('instances', id) })),
    ...(hosts ?? []).map(({ id }) => ({ title: `Host ${id}`, href: hrefOf('hosts', id) })),
    ...(/^[^\s/]+\.\d+$/.test(text) ? [{ title: `Operation ${text}`, href: hrefOf('operations', text) }] : []),
  ]
  const words = text.toLowerCase().split(/\s+/)
  const found = goals.filter(({ title }) => words.every(word => title.toLowerCase().includes(word))).slice(0, SHOWN)
  const go = (goal: Goal | undefined) => {
    if (!goal) return
    location.hash = goal.href
    onClose()
  }
  const pressed = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') setChosen(Math.min(found.length - 1, chosen + 1))
    else if (event.key === 'ArrowUp') setChosen(Math.max(0, chosen - 1))
    else if (event.key === 'Enter') go(found[chosen])
    else return
    event.preventDefault()
  }
  return (
    <dialog class="palette" ref={dialog} aria-label="Command palette" onClose={onClose}>
      <input
        type="text"
        placeholder="A view, a host, an instance by name or id …"
        role="combobox"
        aria-expanded="true"
        aria-controls="goals"
        aria-activedescendant={`goal-${chosen}`}
        aria-label="Where to"
        value={text}
        onInput={event => {
          setText(event.currentTarget.value)
          setChosen(0)
        }}
        onKeyDown={pressed}
      />
      <div id="goals" role="listbox" aria-label="Goals">
        {found.map((goal, i) => (
          <div key={goal.href} id={`goal-${i}`} role="option" aria-selected={i === chosen} onClick={() => go(goal)}>
            {goal.title}
          </div>
        ))}
        {found.length === 0 && <p class="empty">Nothing of that name.</p>}
      </div>
    </dialog>
  )
}
