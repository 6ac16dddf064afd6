/** Access control is on: a key is asked for. */
import { useState } from 'preact/hooks'
import { signIn, signInNeeded } from '../api/key.ts'

export function SignIn() {
  const [key, setKey] = useState('')
  return (
    <main class="sign-in">
      <h1>kafka-do</h1>
      <p>This service asks for a key.</p>
      <form
        class="form"
        onSubmit={(event) => {
          event.preventDefault()
          if (key.trim() !== '') signIn(key.trim())
        }}
      >
        <label>
          <span>API key</span>
          <input
            type="password"
            value={key}
            placeholder="kd_…"
            autocomplete="off"
            spellcheck={false}
            autoFocus
            onInput={(event) => setKey(event.currentTarget.value)}
          />
        </label>
        <p class="notice" role="alert">
          {signInNeeded.value}
        </p>
        <footer>
          <button type="submit" class="primary" disabled={key.trim() === ''}>
            Sign in
          </button>
        </footer>
      </form>
      <p class="dim">
        The key stays in this tab, and is gone when it closes. The first key of a server lies in its
        data folder, in the file <code>admin-key</code>.
      </p>
    </main>
  )
}
