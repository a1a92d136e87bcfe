/*
 * The operator page: /operator.json every two seconds while the page is
 * visible and not paused, and the dead letters when their number is another.
 * To list them holds them for a moment, so that is not done at each look.
 */

import { agoOf, announce, ask, byId, bytesText, cell, confirmed, countText,
  drawing, element, isAway, keepToken, numberText, Refused, spanText,
  Unknown } from './parts.js';

const LOOK_MS = 2000;
const RETRY_MS_MAX = 10000;
const ANSWER_MS_MAX = 10000;
const SAMPLES_MAX = 60;    /* two minutes */
const LETTERS_MAX = 100;   /* on the page; the queue may have more */
const SPARK = { width: 240, height: 44 };

const set = (id, ...content) => byId(id).replaceChildren(...content);

let last = null;      /* the answer before */
let rates = [];       /* views a second, the newest last */
let timer = 0;
let failures = 0;     /* in a row */
let paused = false;
let saidProblems = ''; /* that were announced */
let listedCount = -1; /* how many letters the queue had when they were listed */
let countBefore = -1; /* and at the look before */
let listing = null;   /* a list that is under way */

/* ---- The numbers ---- */

/* Since the answer before; null where there is none of the same run. */
function difference(now, path) {
  const value = (answer) => path.reduce((part, name) => part[name], answer);
  if (last === null || last.startedAt !== now.startedAt) return null;
  return value(now) - value(last);
}

function rateText(rate) {
  return rate === 0 || rate >= 10 ? numberText(Math.round(rate))
    : rate.toFixed(1);
}

function showRate(now) {
  const stored = difference(now, ['ingest', 'stored']);
  const seconds = last === null ? 0 : (new Date(now.at) - new Date(last.at)) / 1000;
  if (stored === null || seconds <= 0) {
    if (last !== null) rates = []; /* it was started again */
    set('rate', '…');
    return null;
  }
  rates = [...rates, stored / seconds].slice(-SAMPLES_MAX);
  set('rate', rateText(rates.at(-1)));
  return rates.at(-1);
}

function showSpark() {
  const { width, height } = SPARK;
  const most = Math.max(...rates, 0);
  const floor = drawing('line',
    { class: 'floor', x1: 0, x2: width, y1: height, y2: height });
  set('spark', floor);
  if (rates.length < 2) return;
  const points = rates.map((rate, at) => {
    const x = width - (rates.length - 1 - at) * width / (SAMPLES_MAX - 1);
    const y = height - (most === 0 ? 0 : rate / most) * (height - 3);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  const first_x = points[0].split(',')[0];
  byId('spark').append(
    drawing('polygon', { class: 'area',
      points: `${first_x},${height} ${points.join(' ')} ${width},${height}` }),
    drawing('polyline', { class: 'line', points: points.join(' ') }));
  set('spark-text', `The last ${spanText(rates.length * LOOK_MS / 1000)}: `
    + `${rateText(Math.min(...rates))} to ${rateText(most)} a second.`);
}

function showBehind({ queue, ingest }, rate) {
  const held = ingest.unacked;
  set('unacked', numberText(held));
  if (!queue.known) {
    set('behind', '?');
    set('behind-unit', '');
    set('waiting', 'not known');
    set('lag', queue.why);
    return;
  }
  const behind = queue.waiting + held;
  set('behind', numberText(behind));
  set('behind-unit', behind === 1 ? 'message' : 'messages');
  set('waiting', numberText(queue.waiting));
  set('lag', behind === 0 ? 'All that came is stored.'
    : rate > 0 ? `Some ${spanText(Math.max(1, behind / rate))} at this rate.`
      : 'None is stored at the moment.');
}

function showCommit(now) {
  const commits = difference(now, ['ingest', 'commits']);
  const seconds = difference(now, ['ingest', 'commitSeconds']);
  const { ingest } = now;
  const mean_s = commits > 0 ? seconds / commits
    : ingest.commits > 0 ? ingest.commitSeconds / ingest.commits : null;
  set('commit', mean_s === null ? 'none yet' : `${(mean_s * 1000).toFixed(1)} ms`);
}

function showRecovery({ backup, drill, store }, now_ms) {
  set('backup', backup.lastAt ? agoOf(backup.lastAt, now_ms)
    : backup.scheduled ? 'none yet' : 'none are made');
  set('drill', ...(drill === null ? ['never'] : [
    element('span', drill.passed ? '' : 'bad',
      drill.passed ? 'passed, ' : 'failed, '), agoOf(drill.at, now_ms)]));
  set('drill-took', drill === null ? '–'
    : `${drill.recoverySeconds.toFixed(1)} s to be whole`);
  set('offset', store.streamOffset === undefined ? 'not known'
    : `offset ${numberText(store.streamOffset)}`);
  set('checks', numberText(store.streamChecks));
}

function showTotals({ broker, ingest, store, live, startedAt }, now_ms) {
  set('stored', numberText(ingest.stored));
  set('known', numberText(ingest.known));
  set('refused', numberText(ingest.refused));
  set('removed', numberText(ingest.removed));
  set('deliveries', numberText(ingest.deliveries));
  set('redeliveries', numberText(ingest.redeliveries));
  set('recovered', numberText(ingest.recovered));
  set('failed', numberText(ingest.commitsFailed));
  set('broker', broker.connected ? 'Connected' : 'Not connected');
  byId('broker').classList.toggle('bad', !broker.connected);
  set('server', broker.server);
  set('connects', numberText(broker.connects));
  set('losses', numberText(broker.losses));
  set('readers', numberText(live.readers));
  set('started', agoOf(startedAt, now_ms));
  set('views', numberText(store.views));
  set('bytes', bytesText(store.bytes));
  set('wal', bytesText(store.walBytes));
  set('tail', countText(store.tailViews, 'view'));
}

/* ---- The verdict ---- */

function problemsOf({ broker, ingest, queue, backup, drill }, now_ms) {
  const found = [];
  if (!broker.connected) found.push(`No views are taken: ${broker.why}.`);
  else if (!queue.known) found.push(`The queue is not seen: ${queue.why}.`);
  if (!ingest.works) found.push(`Commits fail: ${ingest.why}.`);
  if (queue.known && queue.deadLetters > 0)
    found.push(`${countText(queue.deadLetters, 'dead letter')} to look at.`);
  const age_s = backup.lastAt ? (now_ms - new Date(backup.lastAt)) / 1000 : 0;
  if (backup.scheduled && age_s > 2 * backup.everySeconds)
    found.push('The last backup is older than twice its interval.');
  if (drill !== null && !drill.passed)
    found.push(`The last drill failed: ${countText(drill.wrongViews, 'view')
    } would be wrong.`);
  return found;
}

/* As the reader's eyes: said when it changes, and not at each look. */
function showVerdict(now, now_ms) {
  const found = problemsOf(now, now_ms);
  const verdict = found.length === 0 ? 'All is well.'
    : `${countText(found.length, 'thing needs', 'things need')} a look.`;
  const said = [verdict, ...found].join(' ');
  if (saidProblems !== said) {
    set('verdict', verdict);
    set('problems', ...found.map((text) => element('li', '', text)));
    if (saidProblems !== '') announce(said);
  }
  saidProblems = said;
  byId('problems').hidden = found.length === 0;
}

function show(now) {
  const now_ms = new Date(now.at).getTime(); /* the service's clock */
  const rate = showRate(now);
  showSpark();
  showBehind(now, rate);
  showCommit(now);
  showRecovery(now, now_ms);
  showTotals(now, now_ms);
  showVerdict(now, now_ms);
  last = now;
  byId('all').hidden = false;
  byId('notice').hidden = true;
  byId('sign').hidden = true;
  byId('live').hidden = paused;
}

/* ---- Dead letters ---- */

function bodyOf(letter) {
  if (letter.bytes === 0) return element('p', 'small', 'No bytes in it.');
  const shown = element('pre', '', letter.body, letter.cut ? '…' : '');
  shown.tabIndex = 0; /* it scrolls */
  return element('details', '',
    element('summary', '', `Message, ${bytesText(letter.bytes)}`), shown);
}

function button(text, kind, id) {
  const made = element('button', `button small${kind === 'retry' ? ' primary' : ''}`,
    text);
  made.type = 'button';
  made.dataset.act = kind;
  made.setAttribute('aria-describedby', `reason-${id}`);
  return made;
}

function rowOf(letter) {
  const reason = element('span', '', letter.reason ?? 'no reason was given');
  reason.id = `reason-${letter.id}`;
  const head = cell('th', 'rowheader', '', reason, bodyOf(letter));
  head.scope = 'row';
  const row = cell('tr', 'row', '', head,
    cell('td', 'cell', 'seen', letter.seenAt
      ? agoOf(letter.seenAt, Date.now()) : 'not known'),
    cell('td', 'cell', 'tried', countText(letter.retries, 'retry', 'retries')),
    cell('td', 'cell', 'doing', element('div', 'actions',
      button('Retry', 'retry', letter.id),
      button('Discard…', 'discard', letter.id))));
  row.dataset.id = letter.id;
  return row;
}

/* Rows that stay keep their element: an opened message stays open. Two that
 * are alike share an id, and what is done is done to both: one row. */
function showLetters({ letters, more }) {
  const kept = new Map([...byId('rows').children].map((row) => [row.dataset.id, row]));
  const unlike = new Map(letters.map((letter) => [letter.id, letter]));
  byId('rows').replaceChildren(...[...unlike.values()].map((letter) => {
    const row = kept.get(letter.id);
    const tried = row?.querySelector('.tried');
    if (tried) tried.textContent = countText(letter.retries, 'retry', 'retries');
    return row ?? rowOf(letter);
  }));
  const count = unlike.size;
  byId('letters').hidden = count === 0;
  byId('empty').hidden = count > 0;
  byId('retry-all').hidden = count === 0;
  set('letters-lead', more ? `The first ${count} messages that could not be a view.`
    : count === 0 ? 'Messages that could not be a view.'
      : `${countText(count, 'message')} that could not be a view.`);
}

async function listLetters() {
  const answer = await ask(`/dead?limit=${LETTERS_MAX}`,
    { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  const found = await answer.json();
  const focused = document.activeElement;
  showLetters(found);
  if (focused !== document.body && !focused.isConnected)
    byId('letters-title').focus(); /* its row is gone */
}

/* One at a time: a second would see none of the letters that the first holds. */
function lookAtLetters() {
  listing ??= listLetters()
    .catch((error) => sayOutcome(`The dead letters are not reached: ${error.message}.`))
    .finally(() => { listing = null; });
  return listing;
}

/* While somebody works on the letters the queue seems empty, so a number
 * counts when it was seen twice. */
async function followLetters({ queue }) {
  if (!queue.known) return;
  const count = queue.deadLetters;
  if (count !== listedCount && (count === countBefore || listedCount < 0)) {
    listedCount = count;
    await lookAtLetters();
  }
  countBefore = count;
}

function sayOutcome(text) {
  set('outcome', text);
  byId('outcome').hidden = false;
  announce(text);
}

function outcomeText(act, letters) {
  const done = letters.filter((letter) => letter.outcome === 'done').length;
  const refused = letters.find((letter) => letter.outcome === 'refused');
  const words = act === 'retry' ? 'sent to history again' : 'discarded';
  if (refused !== undefined)
    return `${countText(done, 'letter')} ${words}; one stays: ${refused.why}.`;
  return done === 0 ? 'That letter is not there any more.'
    : `${countText(done, 'letter')} ${words}.`;
}

async function work(act, wish) {
  try {
    const answer = await ask(`/dead/${act}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(wish),
    });
    const { letters } = await answer.json();
    sayOutcome(outcomeText(act, letters));
  } catch (error) {
    sayOutcome(`Not done: ${error.message}.`);
  }
  if (listing !== null) await listing; /* it began before */
  await lookAtLetters();
}

byId('rows').addEventListener('click', async (event) => {
  const act = event.target.closest('button')?.dataset.act;
  const row = event.target.closest('tr');
  if (act === undefined || row === null) return;
  const reason = byId(`reason-${row.dataset.id}`).textContent;
  if (act === 'discard' && !await confirmed(byId('sure'),
    `It is removed for good. The reason that it is here: ${reason}`)) return;
  await work(act, { ids: [row.dataset.id] });
});

byId('retry-all').addEventListener('click', () => work('retry', { all: true }));
byId('look').addEventListener('click', async () => {
  await lookAtLetters();
  announce(byId('letters-lead').textContent);
});

/* ---- Looking, again and again ---- */

function showTrouble(error) {
  const text = error instanceof Refused ? `${error.message}.`
    : `The history service does not answer${isAway(error) ? ''
      : ` (${error.message})`}. Trying again by itself.`;
  if (byId('notice').hidden || byId('notice').textContent !== text) announce(text);
  set('notice', text);
  byId('notice').hidden = false;
  byId('live').hidden = true;
  byId('sign').hidden = !(error instanceof Unknown);
  set('verdict', error instanceof Refused ? 'Not shown.' : 'As it was last.');
  saidProblems = '';
  if (error instanceof Refused) byId('all').hidden = true;
}

async function look() {
  clearTimeout(timer);
  let wait_ms = LOOK_MS;
  try {
    const answer = await ask('/operator.json',
      { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
    const now = await answer.json();
    show(now);
    failures = 0;
    await followLetters(now);
  } catch (error) {
    showTrouble(error);
    if (error instanceof Refused) return;
    wait_ms = Math.min(RETRY_MS_MAX, LOOK_MS * 2 ** failures++);
  }
  clearTimeout(timer);
  if (!paused && document.visibilityState === 'visible')
    timer = setTimeout(look, wait_ms);
}

byId('pause').addEventListener('click', () => {
  paused = !paused;
  byId('pause').setAttribute('aria-pressed', String(paused));
  byId('live').hidden = paused;
  clearTimeout(timer);
  if (!paused) look();
});

byId('sign').addEventListener('submit', (event) => {
  event.preventDefault();
  keepToken(byId('token').value);
  byId('token').value = '';
  look();
});

document.addEventListener('visibilitychange', () => {
  clearTimeout(timer);
  if (document.visibilityState === 'visible' && !paused) look();
});

look();
