import { useState } from 'preact/hooks'
import { messageOf, type Session, signIn } from './session.ts'

export function SignIn({ why, onSession }: { why: string; onSession(session: Session): void }) {
  const [error, setError] = useState(why)
  const [busy, setBusy] = useState(false)
  const submitted = (event: SubmitEvent) => {
    event.preventDefault()
    if (!(event.currentTarget instanceof HTMLFormElement)) return
    const form = new FormData(event.currentTarget)
    const text = (name: string) => String(form.get(name) ?? '')
    setBusy(true)
    signIn(text('user'), text('password'), text('project')).then(onSession, refused => {
      setBusy(false)
      setError(messageOf(refused))
    })
  }
  return (
    <main class="sign-in">
      <form onSubmit={submitted} autoComplete="on">
        <h1>Baton</h1>
        <label>
          User
          <input name="user" required autoComplete="username" />
        </label>
        <label>
          Password
          <input name="password" type="password" required autoComplete="current-password" />
        </label>
        <label>
          Project
          <input name="project" placeholder="your own" />
        </label>
        {error && (
          <p class="problem" role="alert">
            {error}
          </p>
        )}
        <button type="submit" class="primary" disabled={busy}>
          {busy ? 'Signing in …' : 'Sign in'}
        </button>
      </form>
    </main>
  )
}
