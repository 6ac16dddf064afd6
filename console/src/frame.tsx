/** What is around every view: where one may go, what goes wrong, and what keys do. */

import type { ComponentChildren } from 'preact'
import { useLocation } from 'preact-iso'
import { pageAt } from './api/base.ts'
import { apiKey, signOut } from './api/key.ts'
import { switchTheme, theme } from './state/theme.ts'
import { Help } from './ui/help.tsx'
import { helpIsOpen, paletteIsOpen } from './ui/keys.ts'
import { GoneBanner, SlowStatus } from './ui/notices.tsx'
import { Palette } from './ui/palette.tsx'

const places = [
  { path: [''], title: 'Overview' },
  { path: ['topics'], title: 'Topics' },
  { path: ['groups'], title: 'Groups' },
  { path: ['streams'], title: 'Streams' },
  { path: ['access'], title: 'Access' },
]

export function Frame({ children }: { children: ComponentChildren }) {
  const { path } = useLocation()
  return (
    <>
      <a class="skip" href="#main" onClick={skip}>
        To the content
      </a>
      <header class="top">
        <a class="brand" href={pageAt([''])}>
          kafka-do
        </a>
        <nav aria-label="Pages">
          {places.map(({ path: parts, title }) => {
            const address = pageAt(parts)
            const isHere =
              parts[0] === ''
                ? path === (address.replace(/\/$/, '') || '/')
                : path.startsWith(address)
            return (
              <a key={title} href={address} aria-current={isHere ? 'page' : undefined}>
                {title}
              </a>
            )
          })}
        </nav>
        <div class="tools">
          <button
            type="button"
            title="Go to … (Ctrl-K)"
            onClick={() => {
              paletteIsOpen.value = true
            }}
          >
            Go to … <kbd>Ctrl K</kbd>
          </button>
          <button
            type="button"
            onClick={switchTheme}
            aria-label={`Colours: ${theme.value}. Change`}
          >
            {{ system: '◐', dark: '●', light: '○' }[theme.value]}
          </button>
          <button
            type="button"
            aria-label="Keys"
            onClick={() => {
              helpIsOpen.value = true
            }}
          >
            ?
          </button>
          {apiKey.value !== '' && (
            <button type="button" onClick={signOut}>
              Sign out
            </button>
          )}
        </div>
      </header>
      <GoneBanner />
      <main id="main" tabIndex={-1}>
        {children}
      </main>
      <SlowStatus />
      {paletteIsOpen.value && <Palette />}
      {helpIsOpen.value && <Help />}
    </>
  )
}

function skip(event: Event): void {
  event.preventDefault()
  document.getElementById('main')?.focus()
}
