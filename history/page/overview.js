/*
 * What stands beside the rows, by the same filters: plays a day as a chart,
 * what was viewed most, and of one viewer the totals and what to continue. It
 * is an addition: where it cannot be had it is left out, and the rows tell why.
 */

import {
  address, announce, ask, byId, clockText, countText, drawing, element,
  numberText, titleOf,
} from './parts.js';
import { crossButton, progressBar, videoLink } from './rows.js';

const DAY_MS = 86400000;
const DAYS = 30;          /* of the chart, where no time is chosen */
const DAYS_MAX = 366;     /* more bars than that are no picture */
const MOST_VIEWED = 5;
const CONTINUED = 4;
const ANSWER_MS_MAX = 10000;

const overview = {
  all: byId('overview'), chart: byId('chart'), continued: byId('continued'),
  continuedPart: byId('continued-part'), most: byId('most'),
  mostPart: byId('most-part'), plays: byId('plays'),
  playsPart: byId('plays-part'), total: byId('total'),
};

const dayFormat = new Intl.DateTimeFormat(undefined,
  { dateStyle: 'medium', timeZone: 'UTC' });

async function get(path, parameters) {
  const answer = await ask(address(path, parameters),
    { signal: AbortSignal.timeout(ANSWER_MS_MAX) });
  return answer.json();
}

/* ---- Plays a day ---- */

const dayOf = (time) => Math.floor(new Date(time).getTime() / DAY_MS);

/* The days of the chart: [first, last], in days since 1970 (UTC). */
function daysShown({ since, until }) {
  const last = until === '' ? dayOf(Date.now())
    : dayOf(new Date(until).getTime() - 1);
  const first = since === '' ? last - DAYS + 1 : dayOf(since);
  return [Math.max(first, last - DAYS_MAX + 1), last];
}

function bar(day, plays, at, width, share) {
  const height = plays === 0 ? 0 : Math.max(2, Math.round(share * 96));
  const words = `${dayFormat.format(day * DAY_MS)}: ${countText(plays, 'play')}`;
  return drawing('g', {},
    drawing('title', {}, words),
    drawing('rect', { class: 'slot', x: at, y: 0, width, height: 100 }),
    drawing('rect', { class: 'bar', x: at, y: 100 - height, height,
      width: Math.max(1, width - (width > 3 ? 1.5 : 0)), rx: 1 }));
}

function showChart([first, last], counts) {
  const days = Array.from({ length: last - first + 1 }, (_, n) => first + n);
  const most = Math.max(1, ...days.map((day) => counts.get(day) ?? 0));
  const width = 300 / days.length;
  overview.chart.replaceChildren(...days.map((day, n) => {
    const plays = counts.get(day) ?? 0;
    return bar(day, plays, n * width, width, plays / most);
  }));
  const sum = [...counts.values()].reduce((all, plays) => all + plays, 0);
  const words = `${countText(sum, 'play')} from ${dayFormat.format(first * DAY_MS)}`
    + ` to ${dayFormat.format(last * DAY_MS)}`
    + `${sum === 0 ? '' : `, at most ${numberText(most)} a day`}.`;
  overview.chart.setAttribute('aria-label', words);
  overview.plays.textContent = words;
}

async function showPlays(filters) {
  const [first, last] = daysShown(filters);
  if (last < first) return;
  const at = (day) => new Date(day * DAY_MS).toISOString();
  const { plays } = await get('/stats/plays', { ...filters, by: 'day',
    since: filters.since || at(first), until: filters.until || at(last + 1) });
  showChart([first, last],
    new Map(plays.map(({ start, plays: count }) => [dayOf(start), count])));
  overview.playsPart.hidden = false;
}

/* ---- Most viewed ---- */

function mostItem({ videoId, plays }, most) {
  const share = element('meter');
  share.max = most;
  share.value = plays;
  share.setAttribute('aria-hidden', 'true');
  return element('li', '', videoLink('cut', videoId),
    element('span', 'count', countText(plays, 'play')), share);
}

async function showMost(filters) {
  const { videos } = await get('/stats/videos',
    { ...filters, limit: MOST_VIEWED });
  overview.mostPart.hidden = videos.length === 0;
  overview.most.replaceChildren(
    ...videos.map((video) => mostItem(video, videos[0].plays)));
}

/* ---- One viewer ---- */

async function showTotal({ userId }) {
  overview.total.hidden = userId === '';
  if (userId === '') return;
  const { plays, videos, firstViewedAt } =
    await get('/stats/user', { userId });
  overview.total.textContent = plays === 0 ? ''
    : `In all ${countText(plays, 'view')} of ${countText(videos, 'video')}`
      + ` since ${dayFormat.format(new Date(firstViewedAt))}.`;
}

function continuedItem(view) {
  const name = view.video?.id ?? view.videoPath;
  const rest = typeof view.duration === 'number'
    ? `${clockText(view.duration - view.position)} left`
    : `at ${clockText(view.position)}`;
  const dismiss = crossButton(`Leave ${titleOf(name)} out`);
  dismiss.dataset.video = name;
  const item = element('li', '',
    view.video === undefined ? element('span', 'cut', titleOf(name))
      : videoLink('cut', name),
    element('span', 'count', rest), dismiss);
  if (typeof view.duration === 'number' && view.duration > 0)
    item.append(progressBar(view.position, view.duration));
  return item;
}

async function showContinued({ userId }) {
  if (userId === '') {
    overview.continuedPart.hidden = true;
    return;
  }
  const answer = await get('/continue', { userId, limit: CONTINUED });
  overview.continuedPart.hidden = answer.continue.length === 0;
  overview.continued.replaceChildren(...answer.continue.map(continuedItem));
}

let shown = { userId: '' };

overview.continued.addEventListener('click', async (event) => {
  const button = event.target.closest('button');
  if (button === null) return;
  const { video } = button.dataset;
  try {
    await ask(address('/continue', { userId: shown.userId, videoId: video }),
      { method: 'DELETE' });
    await showContinued(shown);
    announce(`${titleOf(video)} is left out until it is watched again.`);
    (overview.continued.querySelector('button') ?? document.querySelector('h1'))
      .focus({ preventScroll: true });
  } catch (error) {
    announce(`That did not work: ${error.message}.`);
  }
});

/* ---- All of it ---- */

/* By the filters: { userId, videoId, since, until }, times by RFC 3339. */
export async function showOverview(filters) {
  shown = filters;
  const { userId, since, until } = filters;
  const parts = [showPlays(filters), showMost({ userId, since, until }),
    showTotal(filters), showContinued(filters)];
  const outcomes = await Promise.allSettled(parts);
  if (shown !== filters) return; /* others are asked for meanwhile */
  overview.all.hidden = outcomes.every(({ status }) => status === 'rejected');
}
