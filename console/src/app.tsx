/** The page as a whole: who looks, the connection, the way around, and one view. */
import { useCallback, useEffect, useState } from 'preact/hooks'
import { plural } from './format.ts'
import { LiveContext, useConnection, useLive, useRows } from './live.ts'
import { Palette } from './palette.tsx'
import { Connection } from './parts/connection.tsx'
import { LoneScreen } from './parts/remote.tsx'
import { hrefOf, parseRoute, type Route } from './route.ts'
import { findSession, forget, mayAs, messageOf, type Session, signOut } from './session.ts'
import { ShardsContext, useShardHistory } from './shards.ts'
import { SignIn } from './sign-in.tsx'
import { VIEWS } from './views.tsx'

type Who = { readonly state: 'asking' } | { readonly state: 'unknown'; readonly why: string } | { readonly state: 'known'; readonly session: Session }

const RETRY_MS = 2000

export function App() {
  const { view, query } = useRoute()
  // Its token is all that it needs.
  return view === 'screen' ? <LoneScreen token={query.token ?? ''} /> : <Cluster />
}

function Cluster() {
  const [who, setWho] = useState<Who>({ state: 'asking' })
  const [problem, setProblem] = useState('')
  useEffect(() => {
    let timer = 0
    const find = () =>
      findSession().then(
        session => setWho(session ? { state: 'known', session } : { state: 'unknown', why: '' }),
        error => {
          setProblem(messageOf(error))
          timer = window.setTimeout(find, RETRY_MS)
        },
      )
    find()
    return () => clearTimeout(timer)
  }, [])
  if (who.state === 'asking')
    return (
      <p class="empty" role="status">
        {problem ? `No gateway answers (${problem}); trying again …` : 'Asking the gateway …'}
      </p>
    )
  if (who.state === 'unknown') return <SignIn why={who.why} onSession={session => setWho({ state: 'known', session })} />
  return <SignedIn session={who.session} onEnd={why => setWho({ state: 'unknown', why })} />
}

function SignedIn({ session, onEnd }: { session: Session; onEnd(why: string): void }) {
  const end = useCallback(
    (why: string) => {
      if (why === '') signOut(session).catch(() => {})
      forget()
      onEnd(why)
    },
    [session],
  )
  const live = useConnection(session, end)
  if (!live) return null
  return (
    <LiveContext.Provider value={live}>
      <Shell />
    </LiveContext.Provider>
  )
}

function useRoute(): Route {
  const [route, setRoute] = useState(() => parseRoute(location.hash))
  useEffect(() => {
    const changed = () => setRoute(parseRoute(location.hash))
    addEventListener('hashchange', changed)
    return () => removeEventListener('hashchange', changed)
  }, [])
  return route
}

/** The reader's choice, else what the system says. */
function useTheme(): () => void {
  const [theme, setTheme] = useState(() => localStorage.getItem('baton.theme') ?? '')
  useEffect(() => {
    document.documentElement.dataset.theme = theme
    localStorage.setItem('baton.theme', theme)
  }, [theme])
  return () => {
    const isDark = theme === 'dark' || (theme === '' && matchMedia('(prefers-color-scheme: dark)').matches)
    setTheme(isDark ? 'light' : 'dark')
  }
}

/** How many alerts fire, on every view. */
function AlertBadge() {
  const { rows } = useRows('alerts')
  const firing = (rows ?? []).filter(({ clearedAt }) => clearedAt === null)
  if (firing.length === 0) return null
  const text = plural(firing.length, 'alert')
  return (
    <span class={`badge ${firing.some(({ severity }) => severity === 'critical') ? 'bad' : ''}`} title={text} role="img" aria-label={text}>
      {firing.length}
    </span>
  )
}

function Shell() {
  const { session, signOut: leave } = useLive()
  const asked = useRoute()
  // Who may not see the cluster begins with what is their own.
  const route = asked.view === 'overview' && !mayAs(session, 'admin') ? { ...asked, view: 'instances' } : asked
  const shards = useShardHistory(mayAs(session, 'admin'))
  const changeTheme = useTheme()
  const [isPaletteOpen, setPaletteOpen] = useState(false)
  const views = Object.entries(VIEWS).filter(([, view]) => view.title !== '' && mayAs(session, view.role))
  const view = VIEWS[route.view]
  useEffect(() => {
    document.title = `${view?.title || route.id || route.view} · Baton`
  }, [route])
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const isTyping = event.target instanceof HTMLElement && event.target.closest('input,textarea,select')
      const isPalette = (event.key === 'k' && (event.ctrlKey || event.metaKey)) || (event.key === '/' && !isTyping)
      const number = views[Number(event.key) - 1]
      if (isPalette) setPaletteOpen(true)
      else if (number && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey) location.hash = hrefOf(number[0])
      else return
      event.preventDefault()
    }
    addEventListener('keydown', pressed)
    return () => removeEventListener('keydown', pressed)
  }, [views.length])
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        To the content
      </button>
      <header class="top">
        <a class="brand" href={hrefOf('overview')}>
          Baton
        </a>
        <Connection />
        <span class="spring" />
        <button type="button" onClick={() => setPaletteOpen(true)}>
          Go to … <kbd>Ctrl K</kbd>
        </button>
        <button type="button" onClick={changeTheme} aria-label="Light or dark">
          ◐
        </button>
        {session.token !== null && (
          <>
            <span class="who" title={`${session.user}: ${session.roles?.join(', ')}`}>
              {session.user}
              {session.project && ` · ${session.project}`}
            </span>
            <button type="button" onClick={leave}>
              Sign out
            </button>
          </>
        )}
      </header>
      <nav aria-label="Views">
        {views.map(([name, { title }], i) => (
          <a key={name} href={hrefOf(name)} aria-current={route.view === name ? 'page' : undefined}>
            {title} {name === 'overview' && <AlertBadge />}
            <kbd>{i + 1}</kbd>
          </a>
        ))}
      </nav>
      <main id="main" tabIndex={-1}>
        {!view && <p class="empty">There is no view “{route.view}”.</p>}
        {view && mayAs(session, view.role) && (
          <ShardsContext.Provider value={shards}>
            <view.draw key={`${route.view}/${route.id ?? ''}`} route={route} />
          </ShardsContext.Provider>
        )}
        {view && !mayAs(session, view.role) && <p class="empty">This view is for who has the role {view.role}.</p>}
      </main>
      {isPaletteOpen && <Palette views={views.map(([name, { title }]) => ({ title, href: hrefOf(name) }))} onClose={() => setPaletteOpen(false)} />}
    </div>
  )
}
