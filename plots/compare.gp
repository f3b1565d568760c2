# SPDX-License-Identifier: GPL-2.0
# Sets of records side by side: per workload (and point) a panel with exits per unit of work by
# reason, and below it one with the vCPUs' time per unit of work; a stacked bar per set.
#
# `exitlab compare --plot` writes the variables of one comparison before this text and keeps the
# whole as a .gp file beside the plot, to be edited and run again (gnuplot 5.2 or later). It expects:
#   base                   name of the output without .svg and .png
#   data                   file with two blocks (index) per panel, two empty lines between them:
#                          "bar" reason-1 ... reason-n total, and "bar" part-1 ... part-n total
#   heading note           texts above
#   captions caption[]     lines below
#   longest                characters of the longest name of a bar
#   panels                 how many; of each panel_title[], panel_point[] (may be empty),
#                          panel_unit[], panel_time[] (what its times are), panel_exits[] and
#                          panel_us[] (highest bars), panel_bars[]
#   reasons, parts         how many; of each reason_label[], reason_colour[], reason_fill[], and
#                          part_label[], part_colour[], part_fill[]
# Fill 3 is solid, 0 empty, others are hatched: apart on paper without colour.

columns = panels < 4 ? panels : (panels == 4 ? 4 : 3)
bands = (panels + columns - 1) / columns
most_bars = 1
points = 0
title_w = 0
do for [p = 1:panels] {
	if (panel_bars[p] > most_bars) { most_bars = panel_bars[p] }
	if (panel_point[p] ne "") { points = 1 }
	if (strlen(panel_title[p]) * 8 > title_w) { title_w = strlen(panel_title[p]) * 8 }
	if (strlen(panel_time[p]) * 6.8 + 76 > title_w) { title_w = strlen(panel_time[p]) * 6.8 + 76 }
	if (strlen(panel_point[p]) * 8 > title_w) { title_w = strlen(panel_point[p]) * 8 }
}
# Room in pixels. Names stand level below their bars if that does not make a panel too wide.
level_w = (most_bars + 0.2) * (longest * 7.8 + 12)
turned = level_w > 340
wide = turned ? most_bars * 42 : level_w
if (wide < most_bars * 64) { wide = most_bars * 64 }
if (wide < title_w) { wide = title_w < 330 ? title_w : 330 }
panel_w = 84 + (wide > 200 ? wide : 200)
legend_w = 190
head_h = 66
title_h = points ? 50 : 32
exits_h = 250
time_h = 210
tick_h = turned ? 20 + longest * 7 : 30
gap_h = 34
band_h = title_h + exits_h + gap_h + time_h + tick_h
foot_h = 18 + 17 * captions
width = columns * panel_w + legend_w + 20
if (width < 760) { legend_w = legend_w + 760 - width; width = 760 }
height = head_h + bands * band_h + foot_h
number(v) = v < 1000 ? sprintf("%.3g", v) : sprintf("%.0f", v)
# Edges are counted from the top.
at(y) = 1.0 - y / (1.0 * height)

do for [format in "svg png"] {
	# Sizes of letters are points in one and pixels in the other.
	pt = format eq "svg" ? 4.0 / 3 : 1.0
	font(size) = sprintf(",%g", size * pt)
	tick_font = font(10)
	small = font(11)
	if (format eq "svg") {
		set terminal svg size width,height font "DejaVu Sans,13.3" background "white" noenhanced
	} else {
		if (strstrt(GPVAL_TERMINALS, "pngcairo") > 0) {
			set terminal pngcairo size width,height font "DejaVu Sans,10" background "white" noenhanced
		} else {
			set terminal png size width,height font "DejaVuSans,10" background "#ffffff" noenhanced
		}
	}
	set output base . "." . format
	set multiplot

	set style data histograms
	set style histogram rowstacked
	set boxwidth 0.62 relative
	set border 3 lw 1
	set tics nomirror out scale 0.6
	set xtics scale 0
	set grid ytics back lt 1 lc rgb "#d8d8d8" lw 0.7
	unset key

	set label 1 heading at screen 12.0/width, at(24) left font font(15)
	set label 2 note at screen 12.0/width, at(48) left font font(11) tc rgb "#404040"
	do for [i = 1:captions] {
		set label 2+i caption[i] at screen 12.0/width, at(height - foot_h + 17 * i) left font font(9) tc rgb "#404040"
	}

	do for [p = 1:panels] {
		col = (p - 1) % columns
		top = head_h + (p - 1) / columns * band_h + title_h
		set lmargin at screen (col * panel_w + 72.0) / width
		set rmargin at screen ((col + 1) * panel_w - 8.0) / width
		set xrange [-0.6:panel_bars[p] - 0.4]

		set tmargin at screen at(top)
		set bmargin at screen at(top + exits_h)
		set title panel_title[p] . (points ? "\n" . panel_point[p] : "") font font(12) offset 0,-0.3
		set ylabel "exits per " . panel_unit[p] offset 1.2,0 font font(10)
		set yrange [0:panel_exits[p] > 0 ? panel_exits[p] * 1.12 : 1]
		set format x ""
		plot for [r = 1:reasons] data index 2*p-2 using (column(r + 1)) \
			lc rgb reason_colour[r] lw 0.8 fs pattern reason_fill[r] border lc rgb "black", \
			data index 2*p-2 using 0:(column(reasons + 2)):(number(column(reasons + 2))) \
			with labels offset 0,0.7 font font(10)
		do for [i = 1:captions+2] { unset label i }

		top = top + exits_h + gap_h
		set tmargin at screen at(top)
		set bmargin at screen at(top + time_h)
		set title "vCPU time, " . panel_time[p] font font(10) offset 0,-0.6
		set ylabel "us per " . panel_unit[p] offset 1.2,0 font font(10)
		set yrange [0:panel_us[p] > 0 ? panel_us[p] * 1.14 : 1]
		set format x "%g"
		if (turned) { set xtics rotate by 90 right font tick_font }
		plot for [r = 1:parts] data index 2*p-1 using (column(r + 1)):xtic(stringcolumn(1)) \
			lc rgb part_colour[r] lw 0.8 fs pattern part_fill[r] border lc rgb "black", \
			data index 2*p-1 using 0:(column(parts + 2)):(number(column(parts + 2))) \
			with labels offset 0,0.7 font font(10)
		set xtics norotate
	}

	# A legend is a plot of its own with nothing in it (a line out of range, because a plot of key
	# entries alone has no axes for gnuplot); its order is that of the stack.
	unset title
	unset ylabel
	unset border
	unset tics
	unset grid
	set xrange [0:1]
	set yrange [0:1]
	set lmargin at screen 1.0 - (legend_w + 4.0) / width
	set rmargin at screen 1.0 - 4.0 / width
	set key inside left top Left reverse noinvert samplen 1.6 width 0 spacing 1.35 font small
	set tmargin at screen at(head_h + title_h - 6)
	set bmargin at screen at(head_h + title_h + exits_h)
	plot for [r = reasons:1:-1] keyentry with boxes lc rgb reason_colour[r] lw 0.8 \
		fs pattern reason_fill[r] border lc rgb "black" title reason_label[r], \
		-1 with lines notitle
	set tmargin at screen at(head_h + title_h + exits_h + gap_h - 6)
	set bmargin at screen at(head_h + title_h + exits_h + gap_h + time_h)
	plot for [r = parts:1:-1] keyentry with boxes lc rgb part_colour[r] lw 0.8 \
		fs pattern part_fill[r] border lc rgb "black" title part_label[r], \
		-1 with lines notitle
	unset multiplot
	set output
	reset
}
