/** API keys: made, changed, taken away. A secret is shown once. */
import { useState } from 'preact/hooks'
import { ask, askJson } from '../api/service.ts'
import { usePlace } from '../state/place.ts'
import { useResource } from '../state/resource.ts'
import { Copy } from '../ui/copy.tsx'
import { Dialog, FormDialog, TypedConfirmation } from '../ui/dialog.tsx'
import { time } from '../ui/format.ts'
import { LoadedAccess } from '../ui/loaded-access.tsx'
import { Empty } from '../ui/notices.tsx'

interface Key {
  readonly id: string
  readonly name: string
  readonly scopes: readonly string[]
  readonly createdBy?: string
  readonly created: string
  readonly expires?: string
  readonly lastUsed?: string
  readonly previousSecretUntil?: string
}

interface NewKey extends Key {
  readonly key: string
}

const needs = 'describe on the cluster'

export function Keys() {
  const { query, change } = usePlace()
  const keys = useResource('keys', (signal) =>
    askJson<{ keys: readonly Key[] }>({ path: ['keys'], what: 'the keys', needs, signal }),
  )
  const [made, setMade] = useState<NewKey>()
  const id = query.key
  const chosen = keys.data?.keys.find((one) => one.id === id)
  const close = () => change({ do: undefined, key: undefined })
  const show = (key: NewKey) => {
    close()
    setMade(key)
    keys.reload()
  }
  return (
    <>
      <p>
        <button
          type="button"
          class="primary"
          onClick={() => change({ do: 'create' }, { push: true })}
        >
          New key
        </button>
      </p>
      <LoadedAccess resource={keys} what="the keys">
        {({ keys: all }) =>
          all.length === 0 ? (
            <Empty>There is no key that you may see.</Empty>
          ) : (
            <div class="scrolls" role="region" aria-label="Keys" tabIndex={0}>
              <table>
                <thead>
                  <tr>
                    <th>Name</th>
                    <th>Id</th>
                    <th>May</th>
                    <th>Made</th>
                    <th>Last used</th>
                    <th>Expires</th>
                    <th>
                      <span class="unseen">Change</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {all.map((key) => (
                    <tr key={key.id}>
                      <td>{key.name}</td>
                      <td class="mono">{key.id}</td>
                      <td class="mono">{key.scopes.join(' ')}</td>
                      <td>{time(key.created)}</td>
                      <td>{key.lastUsed ? time(key.lastUsed) : 'never'}</td>
                      <td>{key.expires ? time(key.expires) : 'never'}</td>
                      <td class="actions">
                        <button
                          type="button"
                          class="small"
                          aria-label={`New secret for ${key.name}`}
                          onClick={() => change({ do: 'rotate', key: key.id }, { push: true })}
                        >
                          New secret
                        </button>
                        <button
                          type="button"
                          class="small danger"
                          aria-label={`Revoke ${key.name}`}
                          onClick={() => change({ do: 'revoke', key: key.id }, { push: true })}
                        >
                          Revoke
                        </button>
                      </td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
          )
        }
      </LoadedAccess>
      {query.do === 'create' && <CreateKey onClose={close} onDone={show} />}
      {query.do === 'rotate' && chosen && <RotateKey of={chosen} onClose={close} onDone={show} />}
      {query.do === 'revoke' && chosen && (
        <RevokeKey
          of={chosen}
          onClose={close}
          onDone={() => {
            close()
            keys.reload()
          }}
        />
      )}
      {made && <Secret of={made} onClose={() => setMade(undefined)} />}
    </>
  )
}

function CreateKey({ onClose, onDone }: { onClose: () => void; onDone: (key: NewKey) => void }) {
  const [name, setName] = useState('')
  const [scopes, setScopes] = useState('')
  const [expires, setExpires] = useState('')
  const list = scopes.split(/\s+/).filter((scope) => scope !== '')
  return (
    <FormDialog
      title="New key"
      action="Create"
      isReady={name.trim() !== '' && list.length > 0}
      onClose={onClose}
      onSubmit={async () => {
        const body = {
          name: name.trim(),
          scopes: list,
          ...(expires !== '' && { expires: new Date(expires).toISOString() }),
        }
        const right = 'alter on the cluster'
        onDone(
          await askJson<NewKey>({
            ...{ method: 'POST', path: ['keys'], what: 'the new key', needs: right, body },
          }),
        )
      }}
    >
      <label>
        <span>Name</span>
        <input value={name} onInput={(event) => setName(event.currentTarget.value)} />
      </label>
      <label>
        <span>What it may do, one a line</span>
        <textarea
          rows={4}
          class="mono"
          spellcheck={false}
          placeholder={'produce:orders.*\nconsume:orders.*@billing\nadmin'}
          value={scopes}
          onInput={(event) => setScopes(event.currentTarget.value)}
        />
      </label>
      <label>
        <span>Expires</span>
        <input
          type="datetime-local"
          value={expires}
          onInput={(event) => setExpires(event.currentTarget.value)}
        />
      </label>
    </FormDialog>
  )
}

interface OfKey {
  readonly of: Key
  readonly onClose: () => void
}

function RotateKey({ of, onClose, onDone }: OfKey & { onDone: (key: NewKey) => void }) {
  const [overlap, setOverlap] = useState('1h')
  return (
    <FormDialog
      title={`New secret for ${of.name}`}
      action="Make it"
      onClose={onClose}
      onSubmit={async () =>
        onDone(
          await askJson<NewKey>({
            ...{ method: 'POST', path: ['keys', of.id, 'rotate'], what: 'the new secret' },
            needs: 'alter on the cluster',
            body: overlap.trim() === '' ? {} : { overlap: overlap.trim() },
          }),
        )
      }
    >
      <label>
        <span>The old secret is taken for so long; empty: no longer</span>
        <input value={overlap} onInput={(event) => setOverlap(event.currentTarget.value)} />
      </label>
    </FormDialog>
  )
}

function RevokeKey({ of, onClose, onDone }: OfKey & { onDone: () => void }) {
  const [typed, setTyped] = useState('')
  return (
    <FormDialog
      title={`Revoke ${of.name}`}
      action="Revoke"
      isDangerous
      isReady={typed === of.name}
      onClose={onClose}
      onSubmit={async () => {
        const right = 'alter on the cluster'
        await ask({ method: 'DELETE', path: ['keys', of.id], what: 'the key', needs: right })
        onDone()
      }}
    >
      <p>Whoever uses the key is cut off within a second.</p>
      <TypedConfirmation name={of.name} typed={typed} onInput={setTyped} />
    </FormDialog>
  )
}

function Secret({ of, onClose }: { of: NewKey; onClose: () => void }) {
  return (
    <Dialog title={`The key ${of.name}`} onClose={onClose}>
      <p>This is the only time that it is shown.</p>
      <pre class="text">{of.key}</pre>
      <p>
        <Copy label="Copy" text={of.key} />
      </p>
    </Dialog>
  )
}
