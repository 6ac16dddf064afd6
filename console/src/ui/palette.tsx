/** Go anywhere by a few letters. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks'
import { useLocation } from 'preact-iso'
import { pageAt } from '../api/base.ts'
import { groupSizes, topicSizes } from '../api/sizes.ts'
import { useResource } from '../state/resource.ts'
import { switchTheme } from '../state/theme.ts'
import { Dialog } from './dialog.tsx'
import { helpIsOpen, paletteIsOpen } from './keys.ts'

interface Entry {
  readonly title: string
  readonly kind: string
  readonly run: () => void
}

const shownMax = 50

export function Palette() {
  const { route } = useLocation()
  const [text, setText] = useState('')
  const [current, setCurrent] = useState(0)
  const list = useRef<HTMLUListElement>(null)
  const topics = useResource('topics', topicSizes)
  const groups = useResource('groups', groupSizes)
  const close = () => {
    paletteIsOpen.value = false
  }

  const entries = useMemo<readonly Entry[]>(() => {
    const to = (title: string, kind: string, path: readonly string[], query = {}): Entry => ({
      ...{ title, kind },
      run: () => route(pageAt(path, query)),
    })
    return [
      to('Overview', 'page', ['']),
      to('Topics', 'page', ['topics']),
      to('Groups', 'page', ['groups']),
      to('Streams', 'page', ['streams']),
      to('Keys', 'page', ['access']),
      to('Rights', 'page', ['access'], { tab: 'rights' }),
      to('Quotas', 'page', ['access'], { tab: 'quotas' }),
      to('Audit', 'page', ['access'], { tab: 'audit' }),
      to('New topic', 'action', ['topics'], { new: 'topic' }),
      { title: 'Change colours', kind: 'action', run: switchTheme },
      {
        title: 'Keys of the keyboard',
        kind: 'action',
        run: () => {
          helpIsOpen.value = true
        },
      },
      ...(topics.data?.topics ?? []).map(({ name }) => to(name, 'topic', ['topics', name])),
      ...(groups.data?.groups ?? []).map(({ group }) => to(group, 'group', ['groups', group])),
    ]
  }, [topics.data, groups.data, route])

  const wanted = text.trim().toLowerCase()
  const found = entries
    .filter(({ title }) => title.toLowerCase().includes(wanted))
    .slice(0, shownMax)
  const at = Math.min(current, found.length - 1)

  useEffect(() => {
    list.current?.querySelector('[aria-selected=true]')?.scrollIntoView({ block: 'nearest' })
  }, [at])

  const run = (entry: Entry | undefined) => {
    if (!entry) return
    close()
    entry.run()
  }
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === 'ArrowDown') setCurrent(Math.min(found.length - 1, at + 1))
    else if (event.key === 'ArrowUp') setCurrent(Math.max(0, at - 1))
    else if (event.key === 'Enter') run(found[at])
    else return
    event.preventDefault()
  }

  return (
    <Dialog title="Go to" kind="palette" onClose={close}>
      <input
        type="text"
        role="combobox"
        aria-label="Go to a page, a topic or a group"
        aria-expanded="true"
        aria-controls="palette-list"
        aria-activedescendant={found[at] ? `palette-${at}` : undefined}
        placeholder="Page, topic or group"
        autocomplete="off"
        spellcheck={false}
        value={text}
        onInput={(event) => {
          setText(event.currentTarget.value)
          setCurrent(0)
        }}
        onKeyDown={onKeyDown}
      />
      <ul id="palette-list" ref={list} role="listbox" aria-label="Found">
        {found.map((entry, i) => (
          <li
            key={`${entry.kind} ${entry.title}`}
            id={`palette-${i}`}
            role="option"
            aria-selected={i === at}
            onClick={() => run(entry)}
          >
            <span>{entry.title}</span> <span class="dim">{entry.kind}</span>
          </li>
        ))}
      </ul>
      {found.length === 0 && <p class="dim">Nothing is called so.</p>}
    </Dialog>
  )
}
