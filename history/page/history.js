/*
 * The history page: one page of views, by the filters and the cursor in the
 * location. The first page of the newest is kept up as views come: the service
 * tells when (server-sent events), and where it cannot the page asks now and
 * then. Older pages stand still.
 */

import {
  address, announce, ask, byId, countText, hasToken, isAway, keepToken, Refused,
  titleOf, Unknown,
} from './parts.js';
import { showOverview } from './overview.js';
import { showRows, viewerText } from './rows.js';

const PAGE_ROWS = 25;
const REFRESH_MS = 2000;    /* where the service does not tell */
const SETTLE_MS = 150;      /* views that come together are asked for once */
const NEWS_MS = 1000;       /* between two such questions, however many come */
const OVERVIEW_MS = 10000;  /* between two looks at the counts */
const RETRY_MS_MAX = 10000;
const ANSWER_MS_MAX = 10000; /* then the service counts as away */
const SUGGESTIONS_MAX = 50;  /* of a filter, from the rows seen so far */

const page = {
  caption: byId('caption'), clear: byId('clear'), csv: byId('csv'),
  empty: byId('empty'), emptyText: byId('empty-text'),
  emptyTitle: byId('empty-title'), filters: byId('filters'), from: byId('from'),
  heading: document.querySelector('h1'), live: byId('live'),
  loading: byId('loading'), ndjson: byId('ndjson'), newest: byId('newest'),
  notice: byId('notice'), older: byId('older'), order: byId('order'),
  pages: byId('pages'), range: byId('range'), removed: byId('removed'),
  removedText: byId('removed-text'), rows: byId('rows'), scope: byId('scope'),
  sheet: byId('sheet'), sign: byId('sign'), table: byId('table'), to: byId('to'),
  token: byId('token'), undo: byId('undo'), userId: byId('userId'),
  videoId: byId('videoId'), videos: byId('videos'), viewers: byId('viewers'),
};

/* ---- Where we are: the location ---- */

const FILTERS = ['videoId', 'userId', 'since', 'until', 'order'];

function place() {
  const given = new URLSearchParams(location.search);
  return Object.fromEntries([...FILTERS, 'cursor'].map((name) =>
    [name, given.get(name) ?? '']));
}

const filtersOf = (where) => Object.fromEntries(FILTERS.map((name) =>
  [name, where[name]]));
const isOldestFirst = () => place().order === 'asc';
const isFirstPage = () => place().cursor === '';
const isLive = () => isFirstPage() && !isOldestFirst();

const DAY = /^(\d{4})-(\d{2})-(\d{2})$/;

/* A day of the reader's own as the time that it begins, `more` days later; any
 * other text as it is. */
function timeOf(text, more = 0) {
  const day = DAY.exec(text);
  if (day === null) return text;
  const date = new Date(Number(day[1]), Number(day[2]) - 1,
    Number(day[3]) + more);
  return Number.isNaN(date.getTime()) ? text : date.toISOString();
}

/* What the service is asked for: `until` has its whole day. */
function query() {
  const where = place();
  return { ...where, since: timeOf(where.since), until: timeOf(where.until, 1) };
}

/* ---- What stands around the rows ---- */

function suggest(list, value) {
  if (value === undefined || list.children.length >= SUGGESTIONS_MAX) return;
  for (const option of list.children) if (option.value === value) return;
  const option = document.createElement('option');
  option.value = value;
  list.append(option);
}

function scopeText({ videoId, userId, since, until }) {
  const what = videoId === '' ? 'Every view' : `Views of “${videoId}”`;
  const who = userId === '' ? '' : ` by ${userId}`;
  const from = since === '' ? '' : ` from ${since}`;
  const to = until === '' ? '' : ` to ${until}`;
  const first = isOldestFirst() ? 'oldest' : 'newest';
  return `${what}${who}${from}${to}, the ${first} first.`;
}

function showFilters() {
  const where = place();
  page.videoId.value = where.videoId;
  page.userId.value = where.userId;
  page.from.value = DAY.test(where.since) ? where.since : '';
  page.to.value = DAY.test(where.until) ? where.until : '';
  page.order.value = isOldestFirst() ? 'asc' : 'desc';
  page.clear.hidden = FILTERS.every((name) => where[name] === '');
  page.scope.textContent = scopeText(where);
  page.caption.textContent = page.scope.textContent;
  page.newest.textContent = isOldestFirst() ? 'Oldest' : 'Newest';
  page.older.textContent = isOldestFirst() ? 'Newer' : 'Older';
  const { cursor, ...asked } = query();
  for (const format of ['csv', 'ndjson'])
    page[format].href = address('/history', { ...asked, format });
}

function showEmpty(isEmpty) {
  const where = place();
  page.empty.hidden = !isEmpty;
  page.table.hidden = isEmpty;
  if (!isEmpty) return;
  if (where.cursor !== '') {
    page.emptyTitle.textContent = `No ${isOldestFirst() ? 'newer' : 'older'} views`;
    page.emptyText.textContent = 'This is the end of the history.';
  } else if (FILTERS.some((name) => name !== 'order' && where[name] !== '')) {
    page.emptyTitle.textContent = 'No view matches';
    page.emptyText.textContent =
      'A filter takes the whole id of a video or of a viewer.';
  } else {
    page.emptyTitle.textContent = 'No views yet';
    page.emptyText.textContent =
      'Play a video for ten seconds and it shows up here by itself.';
  }
}

function setAvailable(button, available) {
  button.setAttribute('aria-disabled', String(!available));
}

function showPages(count) {
  const first = isFirstPage();
  const [near, far] = isOldestFirst() ? ['oldest', 'Newer'] : ['newest', 'Older'];
  page.pages.hidden = first && nextCursor === '';
  setAvailable(page.newest, !first);
  setAvailable(page.older, nextCursor !== '');
  page.range.textContent = count === 0 ? ''
    : first ? `The ${near} ${countText(count, 'view')}`
      : `${far}, ${countText(count, 'view')}`;
}

function cursorOf(next) {
  if (typeof next !== 'string') return '';
  return new URL(next, location.origin).searchParams.get('cursor') ?? '';
}

/* ---- Asking the service ---- */

let nextCursor = '';    /* of the page shown; '' on the last one */
let shownSearch = null; /* the location's query whose views are shown */
let failures = 0;       /* in a row */
let timer = 0;
let asking = null;      /* the AbortController of the running question */
let asked_ms = -Infinity;   /* when the views were */
let counted_ms = -Infinity; /* when the overview was asked for */

async function askForViews(signal) {
  const response = await ask(
    address('/history', { ...query(), limit: PAGE_ROWS }), { signal });
  const answer = await response.json();
  if (!Array.isArray(answer?.history)) throw new Error('not a history');
  return answer;
}

function showCounts() {
  const { userId, videoId, since, until } = query();
  counted_ms = performance.now();
  showOverview({ userId, videoId, since, until });
}

function show(answer) {
  const views = answer.history;
  const before = shownSearch;
  const isRefresh = before === location.search;
  const came = showRows(page.rows, views, isRefresh);
  nextCursor = cursorOf(answer.next);
  shownSearch = location.search;
  for (const view of views) {
    suggest(page.videos, view.video?.id);
    suggest(page.viewers, view.userId);
  }
  page.loading.hidden = true;
  page.sheet.hidden = false;
  page.sheet.removeAttribute('aria-busy');
  page.live.hidden = !isLive();
  showEmpty(views.length === 0);
  showPages(views.length);
  if (!page.notice.hidden) announce('The history answers again.');
  page.notice.hidden = true;
  page.sign.hidden = true;
  if (isRefresh && came > 0) announce(`${countText(came, 'view')} new.`);
  else if (!isRefresh && before !== null) announce(sayPage(views.length));
  if (!isRefresh || performance.now() - counted_ms > OVERVIEW_MS) showCounts();
}

function sayPage(count) {
  const range = page.range.textContent || countText(count, 'view');
  return count === 0 ? page.emptyTitle.textContent
    : `${page.scope.textContent} ${range}.`;
}

function troubleText(error) {
  if (error instanceof Refused)
    return `The history service refuses this: ${error.message}.`;
  const why = isAway(error) ? '' : ` (${error.message})`;
  return `The history service does not answer${why}. Trying again by itself.`;
}

/* What is shown stays, as long as it belongs to this location. */
function showTrouble(error) {
  const text = troubleText(error);
  if (page.notice.hidden || page.notice.textContent !== text) announce(text);
  page.notice.textContent = text;
  page.notice.hidden = false;
  page.live.hidden = true;
  page.sign.hidden = !(error instanceof Unknown);
  if (shownSearch === location.search) return;
  shownSearch = '?'; /* none: what comes next is no news */
  nextCursor = '';
  showRows(page.rows, [], false);
  page.sheet.hidden = true;
  showPages(0);
}

function askAgainIn(wait_ms) {
  clearTimeout(timer);
  if (document.visibilityState === 'visible')
    timer = setTimeout(refresh, wait_ms);
}

async function refresh() {
  clearTimeout(timer);
  asking?.abort();
  const mine = new AbortController();
  asking = mine;
  asked_ms = performance.now();
  const deadline = setTimeout(() => mine.abort(), ANSWER_MS_MAX);
  try {
    const answer = await askForViews(mine.signal);
    if (asking !== mine) return; /* another page was chosen meanwhile */
    show(answer);
    failures = 0;
    if (isLive() && !isTold()) askAgainIn(REFRESH_MS);
  } catch (error) {
    if (asking !== mine) return;
    showTrouble(error);
    if (!(error instanceof Refused))
      askAgainIn(Math.min(RETRY_MS_MAX, REFRESH_MS * 2 ** failures++));
  } finally {
    clearTimeout(deadline);
    if (asking === mine) asking = null;
  }
}

/* ---- Being told ---- */

let events = null;  /* the EventSource */
let eventsOf = '';  /* its address */
let news = 0;       /* the timer of the question that news brought */

const isTold = () => events?.readyState === EventSource.OPEN;

/* News of this page; what is being asked for may be older than it. */
function hear() {
  if (!isLive() || news !== 0) return;
  const wait_ms = asked_ms + NEWS_MS - performance.now();
  news = setTimeout(() => {
    news = 0;
    if (document.visibilityState !== 'visible') return;
    if (asking === null) refresh();
    else hear();
  }, Math.max(SETTLE_MS, wait_ms));
}

/* An EventSource cannot show a token: then the page asks by itself. */
function listen() {
  const { userId, videoId } = place();
  const wanted = isLive() && document.visibilityState === 'visible'
    && !hasToken() ? address('/history/stream', { userId, videoId }) : '';
  if (wanted === eventsOf && events?.readyState !== EventSource.CLOSED) return;
  events?.close();
  events = null;
  eventsOf = wanted;
  if (wanted === '') return;
  events = new EventSource(wanted);
  for (const name of ['open', 'error', 'view', 'deleted', 'erased', 'reset'])
    events.addEventListener(name, hear);
}

/* ---- Removing ---- */

let removedId = '';

async function remove(row) {
  const { id, words } = row.dataset;
  const button = row.querySelector('.remove button');
  setAvailable(button, false);
  try {
    await ask(`/history/${encodeURIComponent(id)}`, { method: 'DELETE' });
  } catch (error) {
    setAvailable(button, true);
    showTrouble(error);
    return;
  }
  removedId = id;
  row.remove();
  page.removedText.textContent = `Removed: ${words}.`;
  page.removed.hidden = false;
  page.undo.focus({ preventScroll: true });
  announce(`Removed: ${words}. It can be taken back for ten minutes.`);
  counted_ms = -Infinity;
  await refresh();
}

async function undo() {
  const id = removedId;
  try {
    await ask(`/history/${encodeURIComponent(id)}/restore`, { method: 'POST' });
  } catch (error) {
    showTrouble(error);
    return;
  }
  page.removed.hidden = true;
  announce('It is there again.');
  counted_ms = -Infinity;
  await refresh();
  const row = [...page.rows.children].find((one) => one.dataset.id === id);
  (row?.querySelector('.remove button') ?? page.heading)
    .focus({ preventScroll: true });
}

/* ---- Exports ---- */

/* A link cannot show a token: the file is fetched and then handed over. */
async function exportFile(link) {
  const format = link.id;
  try {
    const answer = await ask(link.href);
    const file = document.createElement('a');
    file.href = URL.createObjectURL(await answer.blob());
    file.download = `history.${format}`;
    file.click();
    setTimeout(() => URL.revokeObjectURL(file.href), ANSWER_MS_MAX);
  } catch (error) {
    showTrouble(error);
  }
}

/* ---- What the reader does ---- */

async function arrive() {
  failures = 0;
  showFilters();
  listen();
  page.sheet.setAttribute('aria-busy', 'true');
  await refresh();
  /* The link that led here may be gone with its row. */
  if (document.activeElement === document.body)
    page.heading.focus({ preventScroll: true });
  if (page.sheet.getBoundingClientRect().top < 0)
    page.sheet.scrollIntoView({ block: 'start' });
}

function go(parameters) {
  const to = address('/', parameters);
  if (to !== location.pathname + location.search)
    history.pushState(null, '', to);
  return arrive();
}

/* One may type what the table shows, where that is a short form of an id. */
function idOf(typed, list, shortText) {
  for (const { value } of list.children)
    if (typed === value || typed === shortText(value)) return value;
  return typed;
}

function goToFilters() {
  return go({
    videoId: idOf(page.videoId.value.trim(), page.videos, titleOf),
    userId: idOf(page.userId.value.trim(), page.viewers, viewerText),
    since: page.from.value,
    until: page.to.value,
    order: page.order.value === 'asc' ? 'asc' : '',
  });
}

page.filters.addEventListener('submit', (event) => {
  event.preventDefault();
  goToFilters();
});

page.sign.addEventListener('submit', (event) => {
  event.preventDefault();
  keepToken(page.token.value);
  page.token.value = '';
  arrive();
});

page.clear.addEventListener('click', () => {
  page.videoId.focus(); /* this button goes away */
  go({});
});

page.older.addEventListener('click', () => {
  if (nextCursor !== '') go({ ...filtersOf(place()), cursor: nextCursor });
});

page.newest.addEventListener('click', () => {
  if (!isFirstPage()) go(filtersOf(place()));
});

page.undo.addEventListener('click', undo);
byId('removed-close').addEventListener('click', () => {
  page.removed.hidden = true;
  page.heading.focus({ preventScroll: true });
});

for (const link of [page.csv, page.ndjson])
  link.addEventListener('click', (event) => {
    if (!hasToken()) return;
    event.preventDefault();
    exportFile(link);
  });

/* A new tab, say, is the browser's. */
const isPlain = (event) => event.button === 0 && !event.ctrlKey
  && !event.metaKey && !event.shiftKey && !event.altKey;

for (const part of [page.rows, byId('overview')])
  part.addEventListener('click', (event) => {
    const link = event.target.closest('a');
    if (link === null || !isPlain(event)) return;
    event.preventDefault();
    go(Object.fromEntries(new URL(link.href).searchParams));
  });

page.rows.addEventListener('click', (event) => {
  const button = event.target.closest('.remove button');
  if (button !== null && button.getAttribute('aria-disabled') !== 'true')
    remove(button.closest('tr'));
});

addEventListener('popstate', arrive);

document.addEventListener('visibilitychange', () => {
  listen();
  if (document.visibilityState === 'hidden') {
    clearTimeout(timer);
  } else if (isLive() || !page.notice.hidden) {
    failures = 0;
    refresh();
  }
});

showFilters();
listen();
refresh();
