# SPDX-License-Identifier: GPL-2.0
# A figure of a paper with lines: per panel two frames, as printed (left) and ours (right).
#
# `exitlab paper` writes the variables of one item before this text and keeps the whole as a .gp file
# beside the plot, to be edited and run again (gnuplot 5.2 or later). It expects:
#   base                 name of the output without .svg and .png
#   data                 file with two blocks (index) per panel, theirs and ours: per series
#                        x y low high, then the name of x
#   heading note         texts above
#   captions caption[]   lines below
#   panels               how many; of each panel_title[], panel_ylabel[], panel_xlabel[],
#                        panel_xtics[] (empty: by gnuplot), panel_named[] (points have names),
#                        and panel_max[], panel_values[] of each frame
#   series series_name[] the legend
# Series differ in dash and point, not only in colour.

frame_w = 330
frame_h = 200
# Names of points that stand close together: at three heights by turns.
lift(k) = panel_max[k] * 0.27 * (int(column(0)) % 3)
left_w = 78
legend_w = 210
do for [s = 1:series] { if (strlen(series_name[s]) * 8.2 + 66 > legend_w) { legend_w = strlen(series_name[s]) * 8.2 + 66 } }
head_h = 62
title_h = 34
tick_h = 52
row_h = title_h + frame_h + tick_h
foot_h = 14 + 16 * captions
width = 2 * (left_w + frame_w) + legend_w + 10
height = head_h + panels * row_h + foot_h
at(y) = 1.0 - y / (1.0 * height)
array colour[7] = ["#000000", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#56b4e9", "#808080"]
array point[7] = [7, 4, 8, 6, 10, 12, 3]
array dash[7] = [1, 2, 4, 3, 5, 1, 2]

do for [format in "svg png"] {
	# Sizes of letters are points in one and pixels in the other.
	pt = format eq "svg" ? 4.0 / 3 : 1.0
	font(size) = sprintf(",%g", size * pt)
	small = font(10)
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
	set border 3 lw 1
	set grid ytics back lt 1 lc rgb "#d8d8d8" lw 0.7
	unset key

	set label 1 heading at screen 12.0/width, at(20) left font font(14)
	set label 2 note at screen 12.0/width, at(44) left font font(10) tc rgb "#404040"
	do for [i = 1:captions] {
		set label 2+i caption[i] at screen 12.0/width, at(height - foot_h + 16 * i) left font font(8.5) tc rgb "#404040"
	}

	do for [p = 1:panels] {
		top = head_h + (p - 1) * row_h + title_h
		set tmargin at screen at(top)
		set bmargin at screen at(top + frame_h)
		do for [f = 1:2] {
			k = 2 * p - 2 + f
			set lmargin at screen ((f - 1) * (left_w + frame_w) + left_w) / (1.0 * width)
			set rmargin at screen (f * (left_w + frame_w) - 6.0) / width
			set title panel_title[p] . (f == 1 ? ", as printed" : ", ours") font font(11) offset 0,-0.5
			set ylabel panel_ylabel[p] font font(10) offset 1.5,0
			set xlabel panel_xlabel[p] font font(10) offset 0,0.4
			set yrange [0:panel_max[k] > 0 ? panel_max[k] * (panel_named[p] ? 1.35 : 1.12) : 1]
			# Numbers from 0 on, names with room at both ends.
			if (panel_xtics[p] eq "") {
				set xrange [0:*]
				unset offsets
			} else {
				set xrange [*:*]
				set offsets graph 0.04, graph 0.04, 0, 0
			}
			set tics nomirror out scale 0.6
			# Where points have names x is a rate, and its numbers are long.
			set format x (panel_named[p] ? "%.0s%c" : "% h")
			set xtics autofreq nomirror out
			if (panel_xtics[p] ne "") { eval "set xtics nomirror out " . panel_xtics[p] }
			set ytics autofreq nomirror out
			if (panel_values[k] == 0) {
				unset offsets
				set xrange [0:1]
				unset xtics
				unset ytics
				set label 99 (f == 1 ? "not published" : "n/a: see below") at graph 0.5,0.5 center font font(12) tc rgb "#404040"
				plot -1 with lines notitle
				unset label 99
			} else {
				plot for [s = 1:series] data index k-1 using (column(4*s-3)):(column(4*s-2)) \
					with linespoints lc rgb colour[(s-1)%7+1] dt dash[(s-1)%7+1] pt point[(s-1)%7+1] ps 0.9 lw 1.4, \
					for [s = 1:series] data index k-1 using (column(4*s-3)):(column(4*s-1) < column(4*s) ? column(4*s-1) : NaN):(0):(column(4*s) - column(4*s-1)) \
					with vectors heads size graph 0.01,90 lc rgb colour[(s-1)%7+1] lw 1.2, \
					data index k-1 using (column(1)):(column(2)):(0):(panel_named[p] ? lift(k) : NaN) with vectors nohead lc rgb "#909090" lw 0.6, \
					data index k-1 using (column(1)):(column(2) + (panel_named[p] ? lift(k) : 0)):(panel_named[p] ? stringcolumn(4*series+1) : "") \
					with labels rotate by 90 left offset 0,0.6 font font(7.5)
			}
			do for [i = 1:captions+2] { unset label i }
		}
	}

	# The legend is a plot of its own with nothing in it.
	unset title
	unset xlabel
	unset ylabel
	unset border
	unset tics
	unset grid
	unset offsets
	set xrange [0:1]
	set yrange [0:1]
	set lmargin at screen 1.0 - (legend_w - 4.0) / width
	set rmargin at screen 1.0 - 4.0 / width
	set tmargin at screen at(head_h + title_h - 6)
	set bmargin at screen at(head_h + title_h + frame_h)
	set key inside left top Left reverse noinvert samplen 3.2 width 0 spacing 1.4 font small
	plot for [s = 1:series] keyentry with linespoints lc rgb colour[(s-1)%7+1] dt dash[(s-1)%7+1] \
		pt point[(s-1)%7+1] ps 0.9 lw 1.4 title series_name[s], -1 with lines notitle
	unset multiplot
	set output
	reset
}
