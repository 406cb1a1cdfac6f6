/** The serial line and the screen of a guest. Each is opened by a token that is good once, so what has ended is opened anew, not resumed. */
import type { ComponentChildren } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { openRemote } from '../../../transport/console-client/remote.ts'
import { REMOTE_CONSOLE_PATH } from '../../../transport/remote-console/messages.ts'
import { useLive } from '../live.ts'
import { field, messageOf } from '../session.ts'
import { Card } from './bits.tsx'

type State = { readonly is: 'opening' } | { readonly is: 'open' } | { readonly is: 'closed'; readonly why: string }

/** What is open, as far as it is closed and looked at here. */
interface Opened {
  close(): void
}

/** Opens for as long as it is drawn; `again` opens anew. `open` draws into the box, and tells by `show` how it is. */
function useOpened<T extends Opened>(key: string, open: (box: HTMLElement, show: (state: State) => void) => Promise<T>) {
  const box = useRef<HTMLDivElement>(null)
  const [state, setState] = useState<State>({ is: 'opening' })
  const [round, setRound] = useState(0)
  const opened = useRef<T | null>(null)
  useEffect(() => {
    let isOver = false
    const show = (next: State) => !isOver && setState(next)
    show({ is: 'opening' })
    const target = box.current
    const opening = target ? open(target, show) : Promise.reject(new Error('there is nowhere to draw'))
    opening.then(
      made => {
        if (isOver) made.close()
        else opened.current = made
      },
      error => show({ is: 'closed', why: messageOf(error) }),
    )
    return () => {
      isOver = true
      opened.current?.close()
      opened.current = null
    }
  }, [key, round])
  return { box, state, opened, again: () => setRound(round + 1) }
}

function Frame({
  title,
  state,
  again,
  tools,
  children,
}: {
  title: string
  state: State
  /** Null where the token was all there is. */
  again: (() => void) | null
  tools?: ComponentChildren
  children: ComponentChildren
}) {
  return (
    <Card title={title} aside={state.is === 'open' ? <span class="dim">live</span> : undefined} wide>
      {state.is === 'opening' && (
        <p class="dim" role="status">
          Opening …
        </p>
      )}
      {state.is === 'closed' && (
        <p class="row">
          <span class="problem" role="alert">
            {state.why}
          </span>
          {again && (
            <button type="button" onClick={again}>
              Open again
            </button>
          )}
        </p>
      )}
      {state.is === 'open' && tools}
      {children}
    </Card>
  )
}

function useUrlOf(id: string) {
  const { ask } = useLive()
  return async (protocol: 'serial' | 'vnc', type: 'serial' | 'novnc'): Promise<string> => {
    const answer = await ask('POST', `/compute/v2.1/servers/${encodeURIComponent(id)}/remote-consoles`, { remote_console: { protocol, type } })
    return String(field(field(answer, 'remote_console'), 'url'))
  }
}

export function Serial({ id }: { id: string }) {
  const urlOf = useUrlOf(id)
  const [isYours, setYours] = useState(true)
  const [missed, setMissed] = useState(0)
  const leave = useRef<HTMLSpanElement>(null)
  const { box, state, opened, again } = useOpened(id, async (target, show) => {
    const [{ openTerminal }, url] = await Promise.all([import('../lazy/terminal.ts'), urlOf('serial', 'serial')])
    target.replaceChildren()
    setMissed(0)
    const line = openRemote(url, {
      onBytes: bytes => terminal.write(bytes),
      onNotice(notice) {
        if (notice.type === 'open') {
          show({ is: 'open' })
          terminal.focus()
        }
        if (notice.type === 'keyboard') setYours(notice.yours)
        if (notice.type === 'missed') setMissed(before => before + notice.bytes)
      },
      onClosed: why => show({ is: 'closed', why }),
    })
    const terminal = openTerminal(target, { onType: line.type, onLeave: () => leave.current?.focus() })
    return {
      take: line.take,
      close() {
        line.close()
        terminal.close()
      },
    }
  })
  const tools = (
    <p class="row">
      {!isYours && (
        <button type="button" onClick={() => opened.current?.take()}>
          Take the keyboard
        </button>
      )}
      <span class="dim" ref={leave} tabIndex={-1}>
        {isYours ? 'You have the keyboard; Ctrl+] leaves the terminal.' : 'Somebody else types; you look.'}
        {missed > 0 && ` ${missed} bytes came too fast and are not shown.`}
      </span>
    </p>
  )
  return (
    <Frame {...{ title: 'Serial console', state, again, tools }}>
      <div class="terminal" ref={box} role="group" aria-label="Serial console" />
    </Frame>
  )
}

export function Screen({ id }: { id: string }) {
  const urlOf = useUrlOf(id)
  return <ScreenOf name={id} url={() => urlOf('vnc', 'novnc').then(page => socketUrl(tokenIn(page)))} />
}

/** By a link that somebody was given: it shows one screen, once, and nothing else of the cluster. */
export function LoneScreen({ token }: { token: string }) {
  return (
    <main class="lone">
      <h1>Screen</h1>
      <ScreenOf name={token} url={async () => socketUrl(token)} isOnce />
    </main>
  )
}

const tokenIn = (page: string): string => new URLSearchParams(page.split('?', 2)[1] ?? '').get('token') ?? ''
const socketUrl = (token: string): string => `${location.origin.replace(/^http/, 'ws')}${REMOTE_CONSOLE_PATH}?token=${encodeURIComponent(token)}`

function ScreenOf({ name, url, isOnce = false }: { name: string; url: () => Promise<string>; isOnce?: boolean }) {
  const { box, state, opened, again } = useOpened(name, async (target, show) => {
    const [{ openScreen }, address] = await Promise.all([import('../lazy/screen.ts'), url()])
    target.replaceChildren()
    const screen = openScreen(target, address, {
      onOpen() {
        show({ is: 'open' })
        screen.focus()
      },
      onClosed: why => show({ is: 'closed', why }),
    })
    return screen
  })
  const tools = (
    <p class="row">
      <button type="button" onClick={() => opened.current?.ctrlAltDel()}>
        Send Ctrl+Alt+Del
      </button>
      <span class="dim">Keys go to the guest while the screen has the focus.</span>
    </p>
  )
  return (
    <Frame {...{ title: 'Screen', state, again: isOnce ? null : again, tools }}>
      <div class="screen" ref={box} role="group" aria-label="Screen of the guest" />
    </Frame>
  )
}
