#!/bin/sh
# Draws the two sample videos anew, into this folder. Needs ffmpeg 5.1 with
# libx264, and the DejaVu fonts (Debian: ffmpeg, fonts-dejavu-core).
set -eu
cd "$(dirname "$0")"
fonts=/usr/share/fonts/truetype/dejavu
passes=$(mktemp -d)
trap 'rm -r "$passes"' EXIT

# The same file from the same ffmpeg; the index in front, to start at once.
plain="-fflags +bitexact -flags +bitexact -map_metadata -1 -movflags +faststart"

# A counter, a bar that fills, and a block that swings: a seek can be seen.
# Two passes, because the size is to be the one that its name promises.
sample() { # pass output
    # shellcheck disable=SC2086 # $plain and $2 are several words
    ffmpeg -hide_banner -loglevel error -y \
        -f lavfi -i "gradients=size=1280x720:rate=25:duration=30:c0=0x10243f:c1=0x1f6f8b:c2=0x0b132b:c3=0x3a5a7a:n=4:x0=0:y0=0:x1=1280:y1=720:speed=0.004:seed=7" \
        -f lavfi -i "color=c=0xf4a259:size=1280x14:rate=25:duration=30" \
        -f lavfi -i "color=c=0xf7f3e3:size=56x56:rate=25:duration=30" \
        -f lavfi -i "sine=frequency=220:beep_factor=4:sample_rate=48000:duration=30" \
        -filter_complex "[0:v][1:v]overlay=x='-1280+1280*t/30':y=706[bar];
            [bar][2:v]overlay=x='612+520*sin(2*PI*t/10)':y='560-80*abs(sin(2*PI*t/2))',
            drawtext=fontfile=$fonts/DejaVuSansMono-Bold.ttf:text='%{eif\:trunc(t)\:d\:2}':fontsize=300:fontcolor=0xf7f3e3:x=(w-tw)/2:y=120,
            drawtext=fontfile=$fonts/DejaVuSansMono-Bold.ttf:text='second of 30, frame %{eif\:n\:d\:3}':fontsize=34:fontcolor=0xf4a259:x=(w-tw)/2:y=60,
            format=yuv420p[v];[3:a]volume=0.15[s]" \
        -map "[v]" -map "[s]" \
        -c:v libx264 -profile:v main -preset veryslow -tune animation -g 50 \
        -bf 2 -b:v 216k -c:a aac -b:a 48k -ac 1 \
        -pass "$1" -passlogfile "$passes/sample" $plain $2
}
sample 1 "-f mp4 /dev/null"
sample 2 SampleVideo_1280x720_1mb.mp4

# A quay at night: seven lamps and, under the water line at 200, their stripes.
lamp() { # x y reach brightness
    echo "$4*exp(-((X-$1)*(X-$1)+(Y-$2)*(Y-$2))/$3)*lt(Y,200)"
}
gleam() { # x brightness
    echo "$2*exp(-(X-$1)*(X-$1)/70)*gte(Y,200)*exp(-(Y-200)/110)"
}
warm="$(lamp 60 150 500 190)+$(lamp 150 170 300 150)+$(lamp 330 140 700 210)"
warm="$warm+$(lamp 520 165 350 170)+$(gleam 60 170)+$(gleam 150 120)"
warm="$warm+$(gleam 330 190)+$(gleam 520 140)"
cold="$(lamp 240 160 300 160)+$(lamp 430 172 250 150)+$(lamp 600 150 500 190)"
cold="$cold+$(gleam 240 130)+$(gleam 430 120)+$(gleam 600 160)"
sky="lt(Y,200)*Y*0.12+gte(Y,200)*(10-(Y-200)*0.05)"

# That is drawn once; then its water shakes, and a boat with a red light
# crosses.
shaken="p(X+gte(Y,200)*(Y-195)*0.13*sin(Y*0.35-T*3),Y)"
# shellcheck disable=SC2086
ffmpeg -hide_banner -loglevel error -y \
    -f lavfi -i "nullsrc=size=640x360:rate=20:duration=0.05" \
    -f lavfi -i "color=c=0xd8402f:size=10x5:rate=20:duration=24" \
    -f lavfi -i "color=c=0x1b1f2b:size=58x12:rate=20:duration=24" \
    -f lavfi -i "anoisesrc=color=brown:amplitude=0.25:sample_rate=48000:duration=24:seed=3" \
    -filter_complex "[0:v]format=gbrp,geq=
        r='clip(8+$sky+$warm+0.35*($cold),0,255)':
        g='clip(10+$sky+0.72*($warm)+0.8*($cold),0,255)':
        b='clip(26+1.6*($sky)+0.3*($warm)+$cold,0,255)',
        format=yuv444p,loop=loop=479:size=1,setpts=N/20/TB,
        geq=lum='$shaken':cb='$shaken':cr='$shaken'[quay];
        [quay][2:v]overlay=x='-60+700*t/24':y='196+2*sin(t*2)'[hull];
        [hull][1:v]overlay=x='-36+700*t/24':y='186+2*sin(t*2)',
        drawtext=fontfile=$fonts/DejaVuSans.ttf:text='Harbour lights  %{eif\:trunc(t)\:d\:2} s':fontsize=22:fontcolor=0xe8e6df:x=18:y=h-38,
        format=yuv420p[v];[3:a]tremolo=f=0.15:d=0.7,volume=0.3[s]" \
    -map "[v]" -map "[s]" \
    -c:v libx264 -profile:v main -preset veryslow -g 40 -bf 2 -crf 27 \
    -c:a aac -b:a 32k -ac 1 $plain The_harbour_lights_640x360.mp4
