/** How fast users, clients and addresses may go. */
import { useState } from 'preact/hooks'
import { ask, askJson } from '../api/service.ts'
import { usePlace } from '../state/place.ts'
import { useResource } from '../state/resource.ts'
import { FormDialog } from '../ui/dialog.tsx'
import { bytes, count } from '../ui/format.ts'
import { LoadedAccess } from '../ui/loaded-access.tsx'
import { Empty } from '../ui/notices.tsx'

interface Entity {
  readonly user?: string | null
  readonly clientId?: string | null
  readonly ip?: string | null
}

interface Quota {
  readonly entity: Entity
  readonly quotas: { readonly [name: string]: number }
}

const kinds = { user: 'user', clientId: 'client', ip: 'address' } as const
const names = [
  ...['producer_byte_rate', 'consumer_byte_rate', 'request_percentage'],
  ...['controller_mutation_rate', 'connection_creation_rate'],
]

export function Quotas() {
  const { query, change } = usePlace()
  const needs = 'describeConfigs on the cluster'
  const quotas = useResource('quotas', (signal) =>
    askJson<{ quotas: readonly Quota[] }>({ path: ['quotas'], what: 'the quotas', needs, signal }),
  )
  const [gone, setGone] = useState<{ entity: Entity; name: string }>()
  const alter = async (body: object) => {
    const right = 'alterConfigs on the cluster'
    await ask({ method: 'POST', path: ['quotas'], what: 'the quota', needs: right, body })
    setGone(undefined)
    change({ do: undefined })
    quotas.reload()
  }
  return (
    <>
      <p>
        <button type="button" class="primary" onClick={() => change({ do: 'set' }, { push: true })}>
          Set a quota
        </button>
      </p>
      <LoadedAccess resource={quotas} what="the quotas">
        {({ quotas: all }) =>
          all.length === 0 ? (
            <Empty>There is no quota.</Empty>
          ) : (
            <div class="scrolls" role="region" aria-label="Quotas" tabIndex={0}>
              <table>
                <thead>
                  <tr>
                    <th>Who</th>
                    <th>Quota</th>
                    <th class="number">At most</th>
                    <th>
                      <span class="unseen">Change</span>
                    </th>
                  </tr>
                </thead>
                <tbody>
                  {all.flatMap(({ entity, quotas: of }) =>
                    Object.entries(of).map(([name, value]) => (
                      <tr key={`${whom(entity)} ${name}`}>
                        <td>{whom(entity)}</td>
                        <td class="mono">{name}</td>
                        <td class="number">
                          {name.endsWith('byte_rate') ? `${bytes(value)}/s` : count(value)}
                        </td>
                        <td class="actions">
                          <button
                            type="button"
                            class="small danger"
                            aria-label={`Take away: ${name} of ${whom(entity)}`}
                            onClick={() => setGone({ entity, name })}
                          >
                            Take away
                          </button>
                        </td>
                      </tr>
                    )),
                  )}
                </tbody>
              </table>
            </div>
          )
        }
      </LoadedAccess>
      {query.do === 'set' && (
        <SetQuota onClose={() => change({ do: undefined })} onSubmit={alter} />
      )}
      {gone && (
        <FormDialog
          title="Take a quota away"
          action="Take away"
          isDangerous
          onClose={() => setGone(undefined)}
          onSubmit={() => alter({ entity: gone.entity, quotas: { [gone.name]: null } })}
        >
          <p>
            <code>{gone.name}</code> no longer holds for {whom(gone.entity)}.
          </p>
        </FormDialog>
      )}
    </>
  )
}

function whom(entity: Entity): string {
  return Object.entries(kinds)
    .flatMap(([kind, word]) => {
      const name = entity[kind as keyof Entity]
      if (name === undefined) return []
      return [name === null ? `every ${word} that has none` : `${word} ${name}`]
    })
    .join(', ')
}

function SetQuota({
  onClose,
  onSubmit,
}: {
  onClose: () => void
  onSubmit: (body: object) => Promise<void>
}) {
  const [kind, setKind] = useState<keyof typeof kinds>('user')
  const [who, setWho] = useState('')
  const [name, setName] = useState(names[0]!)
  const [value, setValue] = useState('')
  return (
    <FormDialog
      title="Set a quota"
      action="Set"
      isReady={value !== '' && Number(value) > 0}
      onClose={onClose}
      onSubmit={() =>
        onSubmit({ entity: { [kind]: who === '' ? null : who }, quotas: { [name]: Number(value) } })
      }
    >
      <label>
        <span>For a</span>
        <select
          value={kind}
          onChange={(event) => setKind(event.currentTarget.value as keyof typeof kinds)}
        >
          {Object.entries(kinds).map(([one, word]) => (
            <option key={one} value={one}>
              {word}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>Which; empty: every one that has no quota of its own</span>
        <input
          value={who}
          spellcheck={false}
          onInput={(event) => setWho(event.currentTarget.value)}
        />
      </label>
      <label>
        <span>Quota</span>
        <select value={name} onChange={(event) => setName(event.currentTarget.value)}>
          {names.map((one) => (
            <option key={one} value={one}>
              {one}
            </option>
          ))}
        </select>
      </label>
      <label>
        <span>At most, a second</span>
        <input
          type="number"
          min="0"
          step="any"
          value={value}
          onInput={(event) => setValue(event.currentTarget.value)}
        />
      </label>
    </FormDialog>
  )
}
