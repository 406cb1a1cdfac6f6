/** A button that asks the cluster for something: it asks back where that cannot be undone, says that it is under way, and what went wrong. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { messageOf } from '../session.ts'

export interface ActProps {
  readonly label: string
  /** What is at stake; asked before. */
  readonly confirm?: string
  readonly tone?: 'danger' | 'plain'
  run(): Promise<unknown>
}

export function Act({ label, confirm, tone = 'plain', run }: ActProps) {
  const [state, setState] = useState<{ busy: boolean; error: string | null }>({ busy: false, error: null })
  const [asking, setAsking] = useState(false)
  const go = () => {
    setAsking(false)
    setState({ busy: true, error: null })
    run().then(
      () => setState({ busy: false, error: null }),
      error => setState({ busy: false, error: messageOf(error) }),
    )
  }
  return (
    <span class="act">
      <button type="button" class={tone} disabled={state.busy} onClick={() => (confirm ? setAsking(true) : go())}>
        {state.busy ? `${label} …` : label}
      </button>
      {asking && confirm && <Ask title={`${label}?`} text={confirm} yes={label} onYes={go} onNo={() => setAsking(false)} />}
      {state.error && (
        <span class="problem" role="alert">
          {state.error}
        </span>
      )}
    </span>
  )
}

function Ask({ title, text, yes, onYes, onNo }: { title: string; text: string; yes: string; onYes(): void; onNo(): void }) {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => dialog.current?.showModal(), [])
  return (
    <dialog ref={dialog} aria-label={title} onCancel={onNo}>
      <h2>{title}</h2>
      <p>{text}</p>
      <div class="row">
        <button type="button" class="danger" onClick={onYes}>
          {yes}
        </button>
        <button type="button" onClick={onNo}>
          Cancel
        </button>
      </div>
    </dialog>
  )
}
